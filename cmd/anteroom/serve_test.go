package main

import (
	"testing"
	"time"

	"anteroom/config"
	"anteroom/mucmap"
)

// What the configuration says of rooms reaches them.
func TestRoomLimits(t *testing.T) {
	got := roomLimits(&config.Limits{Occupants: 2, History: 3, Nick: 4, RoomRate: 5, RoomBurst: 6, JoinRate: 7,
		ShortestRenewal: "8s", GapPatience: "9s"})
	want := mucmap.Limits{Occupants: 2, History: 3, Nick: 4, Renewal: 8 * time.Second, Gap: 9 * time.Second,
		Rates: mucmap.Rates{Messages: rateOf(5, 6), Joins: rateOf(7, 2)}}
	if got != want || want.Rates.Messages == want.Rates.Joins {
		t.Errorf("%+v, want %+v", got, want)
	}
}
