package main

import (
	"math"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

func TestPolicyText(t *testing.T) {
	roles := []mimi.RoleIndex{2}
	for _, tt := range []struct {
		component mls.ComponentID
		update    []byte
		want      string
	}{
		{mimi.ComponentChatHistoryPolicy, wire.Marshal(&mimi.HistoryPolicy{Sharing: mimi.Forbidden}), "history is withheld"},
		{mimi.ComponentChatHistoryPolicy, wire.Marshal(&mimi.HistoryPolicy{Sharing: mimi.Optional, Roles: roles}), "history is withheld"},
		{mimi.ComponentChatHistoryPolicy, wire.Marshal(&mimi.HistoryPolicy{Sharing: mimi.Optional, Roles: roles, MaxPeriod: 7200}), "history of 7200 s is given"},
		{mimi.ComponentChatHistoryPolicy, wire.Marshal(&mimi.HistoryPolicy{Sharing: mimi.Required, Roles: roles, MaxPeriod: math.MaxUint32}), "history is given"},
		{mimi.ComponentChatHistoryPolicy, []byte{9}, ""},
		{mimi.ComponentOperationalPolicy, wire.Marshal(&mimi.OperationalParameters{LeafUpdate: mimi.Times{Min: 60, Max: 3600}}), "keys serve between 60 and 3600 s (0: no bound)"},
		{mimi.ComponentOperationalPolicy, []byte{9}, ""},
		{mimi.ComponentBotPolicy, nil, ""},
	} {
		if got := policyText(&mls.AppDataUpdate{Component: tt.component, Update: tt.update}); got != tt.want {
			t.Errorf("%#x %x: %q, want %q", tt.component, tt.update, got, tt.want)
		}
	}
}
