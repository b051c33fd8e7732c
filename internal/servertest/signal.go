package servertest

import (
	"errors"
	"os"
	"syscall"
)

// signal sends sig; a process that has ended already is no error.
func signal(p *os.Process, sig syscall.Signal) error {
	if err := p.Signal(sig); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
