package mimi

import "anteroom/mls"

// Components is the ComponentLogic of MIMI rooms: it checks and applies updates of the components that this package knows
// and refuses every other.
type Components struct{}

var _ mls.ComponentLogic = Components{}

// ApplyUpdates implements mls.ComponentLogic.
func (Components) ApplyUpdates(id mls.ComponentID, current []byte, present bool, updates [][]byte) ([]byte, error) {
	panic("skeleton")
}
