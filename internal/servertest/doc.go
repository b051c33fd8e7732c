// Package servertest starts real servers for tests, each on free ports of 127.0.0.1 and in a directory of its own, and
// ends exactly the processes it started. It does not depend on testing, so that demonstrations can use it as well.
package servertest
