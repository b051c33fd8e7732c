package servertest

import "syscall"

// dieWithParent lets the kernel end a server whose test was killed, and keeps a Ctrl-C at the terminal from ending it before we do.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
