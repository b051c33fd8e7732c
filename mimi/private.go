package mimi

import (
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// What MUC says and MIMI has no word for travels in private components of leaves and of authenticated data, never as an
// AppDataUpdate: a member that does not know a component would find the commit invalid.

// LeafDictionary returns the app_data_dictionary of a leaf: the components that the client supports, and the nick of its user
// in this room unless it is empty.
func LeafDictionary(nick string) (mls.AppDataDictionary, error) {
	d := mls.AppDataDictionary{
		{ID: mls.ComponentAppComponents, Data: wire.Marshal(SupportedComponents())},
		{ID: mls.ComponentSafeAAD, Data: wire.Marshal(SupportedSafeAAD())},
	}
	if nick == "" {
		return d, nil
	}
	if err := CheckNick(nick); err != nil {
		return nil, err
	}
	return d.With(ComponentAnteroomNick, []byte(nick)), nil
}

// CheckNick says whether a nick can stand in a leaf: 1 to MaxNick bytes of UTF-8 without control characters.
func CheckNick(nick string) error {
	switch {
	case nick == "" || len(nick) > MaxNick:
		return errors.New("mimi: nick is empty or too long")
	case !utf8.ValidString(nick) || strings.ContainsFunc(nick, unicode.IsControl):
		return errors.New("mimi: nick is not UTF-8 without control characters")
	}
	return nil
}

// LeafNick returns the nick that a leaf carries; none if there is none or it is unfit.
func LeafNick(node *mls.LeafNode) (string, bool) {
	for _, e := range node.Extensions {
		if e.Type != mls.ExtensionAppDataDictionary {
			continue
		}
		var d mls.AppDataDictionary
		if wire.Unmarshal(e.Data, &d) != nil {
			return "", false
		}
		if nick, ok := d.Get(ComponentAnteroomNick); ok && CheckNick(string(nick)) == nil {
			return string(nick), true
		}
	}
	return "", false
}

// Why accompanies a proposal or commit: what a MUC client is to be told about it. Empty fields are not there. It is for
// people; nothing is decided by it.
type Why struct {
	Reason    string
	Actor     string // nick of the one who acted
	Alternate string // URI or address of another room, when this one is destroyed
}

// AAD returns the authenticated data that carries w in a group with safe_aad.
func (w Why) AAD() []byte {
	var items mls.SafeAAD // ascending by component
	for _, item := range []struct {
		id   mls.ComponentID
		text string
	}{{ComponentAnteroomReason, w.Reason}, {ComponentAnteroomActor, w.Actor}, {ComponentAnteroomAlternate, w.Alternate}} {
		if item.text != "" {
			items = append(items, mls.SafeAADItem{Component: item.id, Data: []byte(cutText(item.text, MaxSafeAADItem))})
		}
	}
	return wire.Marshal(items)
}

// ParseAAD reads the authenticated data of a message: exactly a SafeAAD (draft-ietf-mls-extensions §4.9). Items that are no
// text are left out of Why.
func ParseAAD(b []byte) (mls.SafeAAD, Why, error) {
	var items mls.SafeAAD
	if err := wire.Unmarshal(b, &items); err != nil {
		return nil, Why{}, err
	}
	if len(items) > MaxSafeAADItems {
		return nil, Why{}, &RuleError{"safe-aad", "too many items"}
	}
	text := func(id mls.ComponentID) string {
		i := slices.IndexFunc(items, func(item mls.SafeAADItem) bool { return item.Component == id })
		if i < 0 || len(items[i].Data) > MaxSafeAADItem || !utf8.Valid(items[i].Data) {
			return ""
		}
		return string(items[i].Data)
	}
	return items, Why{text(ComponentAnteroomReason), text(ComponentAnteroomActor), text(ComponentAnteroomAlternate)}, nil
}
