package roomdoc

import (
	"fmt"
	"slices"
	"strings"
)

// Names are who a preset is filled in with.
type Names struct {
	Owners, Admins, Members []string
	Loggers                 []string  // system users
	Preauth                 []Preauth // as members
}

// presets are the seed's "Specific examples" by name, with what each demands of the names.
var presets = []struct {
	name  string
	needs string
	fits  func(n *Names) bool
	make  func(d *Document)
}{
	{"one-on-one", "one owner, one admin and nobody else",
		func(n *Names) bool {
			return len(n.Owners) == 1 && len(n.Admins) == 1 && len(n.Members)+len(n.Loggers)+len(n.Preauth) == 0
		},
		func(d *Document) { d.Policy.FixedMembership = true }},
	{"administrated", "an owner", nil,
		func(d *Document) { d.Policy.Membership = KnockFirst }},
	{"open", "an owner", nil,
		func(d *Document) { d.Policy.Open, d.Policy.Discoverable = true, true }},
	{"semi-open", "an owner, and who is preauthorised (preauth)", func(n *Names) bool { return len(n.Preauth) > 0 },
		func(d *Document) { d.Policy.Discoverable, d.Policy.Membership = true, KnockFirst }},
	{"moderated", "an owner", nil,
		func(d *Document) { d.Policy.Open, d.Policy.Discoverable, d.Policy.Moderated = true, true, true }},
	{"fixed-with-logging", "an owner, somebody else and a logger",
		func(n *Names) bool {
			return len(n.Loggers) > 0 && len(n.Admins)+len(n.Members) > 0 && len(n.Preauth) == 0
		},
		func(d *Document) {
			d.Policy.FixedMembership, d.Policy.MultiDevice, d.Policy.Logging = true, false, true
		}},
}

// Presets are the names that Preset knows.
func Presets() []string {
	var names []string
	for i := range presets {
		names = append(names, presets[i].name)
	}
	return names
}

// Preset is one of the seed's examples with names. A logger of a room of fixed membership is one of its members.
func Preset(name string, n Names) (*Document, error) {
	for i := range presets {
		p := &presets[i]
		if p.name != name {
			continue
		}
		if len(n.Owners) == 0 || p.fits != nil && !p.fits(&n) {
			return nil, fmt.Errorf("roomdoc: preset %s needs %s", name, p.needs)
		}
		d := &Document{Policy: Policy{MultiDevice: true, WelcomeDirectly: true}, PreauthMember: slices.Clone(n.Preauth),
			Affiliations: Affiliations{Owner: n.Owners, Admin: n.Admins, Member: slices.Clone(n.Members)}}
		p.make(d)
		d.Policy.Logging = d.Policy.Logging || len(n.Loggers) > 0
		for _, logger := range n.Loggers {
			d.PreauthMember = append(d.PreauthMember, Preauth{System, logger})
			if d.Policy.FixedMembership {
				d.Affiliations.Member = append(d.Affiliations.Member, logger)
			}
		}
		return d, d.Check()
	}
	return nil, fmt.Errorf("roomdoc: preset %q is none of %s", name, strings.Join(Presets(), ", "))
}
