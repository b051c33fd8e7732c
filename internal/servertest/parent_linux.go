package servertest

import "syscall"

// DieWithParent lets the kernel end a server whose test was killed, and keeps a Ctrl-C at the terminal from ending it before we do.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
