//go:build !linux

package servertest

import "syscall"

func DieWithParent() *syscall.SysProcAttr { return nil }
