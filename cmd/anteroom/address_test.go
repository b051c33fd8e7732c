package main

import (
	"testing"

	"anteroom/internal/servertest"
)

// freeAddress returns an address that nobody else takes: a restarted client must come back at the same one.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := servertest.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
