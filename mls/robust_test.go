package mls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"anteroom/mls/wire"
)

// decoders are all structures that peers send.
var decoders = []struct {
	name string
	new  func() wire.Unmarshaler
}{
	{"Message", func() wire.Unmarshaler { return new(Message) }},
	{"KeyPackage", func() wire.Unmarshaler { return new(KeyPackage) }},
	{"LeafNode", func() wire.Unmarshaler { return new(LeafNode) }},
	{"ParentNode", func() wire.Unmarshaler { return new(ParentNode) }},
	{"RatchetTree", func() wire.Unmarshaler { return new(RatchetTree) }},
	{"GroupInfo", func() wire.Unmarshaler { return new(GroupInfo) }},
	{"GroupContext", func() wire.Unmarshaler { return new(GroupContext) }},
	{"Welcome", func() wire.Unmarshaler { return new(Welcome) }},
	{"groupSecrets", func() wire.Unmarshaler { return new(groupSecrets) }},
	{"Commit", func() wire.Unmarshaler { return new(Commit) }},
	{"UpdatePath", func() wire.Unmarshaler { return new(UpdatePath) }},
	{"PublicMessage", func() wire.Unmarshaler { return new(PublicMessage) }},
	{"PrivateMessage", func() wire.Unmarshaler { return new(PrivateMessage) }},
	{"senderData", func() wire.Unmarshaler { return new(senderData) }},
	{"Credential", func() wire.Unmarshaler { return new(Credential) }},
	{"Capabilities", func() wire.Unmarshaler { return new(Capabilities) }},
	{"PreSharedKeyID", func() wire.Unmarshaler { return new(PreSharedKeyID) }},
	{"RequiredCapabilities", func() wire.Unmarshaler { return new(RequiredCapabilities) }},
	{"ExternalSenders", func() wire.Unmarshaler { return new(ExternalSenders) }},
	{"AppDataDictionary", func() wire.Unmarshaler { return new(AppDataDictionary) }},
	{"ComponentsList", func() wire.Unmarshaler { return new(ComponentsList) }},
	{"SafeAAD", func() wire.Unmarshaler { return new(SafeAAD) }},
	{"WireFormats", func() wire.Unmarshaler { return new(WireFormats) }},
	{"MediaTypeList", func() wire.Unmarshaler { return new(MediaTypeList) }},
	{"ApplicationFraming", func() wire.Unmarshaler { return new(ApplicationFraming) }},
}

// What decoding and what handling a message may allocate: a small multiple of the input, and a constant that the three members of the
// judging group account for. The worst in decoding are PSK ids of 3 bytes, which take 112 in memory and five times that while the slice grows.
const (
	decodePerByte = 256
	decodeBase    = 8 << 10
	handlePerByte = 512
	handleBase    = 512 << 10
)

// allocated is how many bytes f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// checkDecoder decodes data as one structure: within the bound, and what is accepted encodes to the same bytes.
func checkDecoder(t *testing.T, which int, data []byte) {
	t.Helper()
	d := decoders[which]
	v := d.new()
	var err error
	if n := allocated(func() { err = wire.Unmarshal(data, v) }); n > decodePerByte*len(data)+decodeBase {
		t.Errorf("%s: %d bytes allocated for an input of %d: %x", d.name, n, len(data), data)
	}
	if err != nil {
		var e *wire.Error
		if !errors.As(err, &e) || e.Rule == "" {
			t.Errorf("%s: error %v names no field and rule", d.name, err)
		}
		return
	}
	if m, ok := v.(wire.Marshaler); !ok || !bytes.Equal(wire.Marshal(m), data) {
		t.Errorf("%s: accepted, and encoded otherwise: %x", d.name, data)
	}
}

// handler is the group that judges messages, by which no message may be changed.
type handler struct {
	group  *Group
	stored map[string][]byte
	joiner *KeyPackageSecrets
	tree   RatchetTree
}

func newHandler(t testing.TB) *handler {
	state := map[string][]byte{}
	var s testSeed
	alice, bob, dave := s.newClient(t, "alice"), s.newClient(t, "bob"), s.newClient(t, "dave")
	staged := commit(t, &s, s.newGroup(t, alice), 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}, Add{dave.KeyPackage}}, ForcePath: true})
	maps.Copy(state, staged.Group.Parts(nil).Set)
	return &handler{group: staged.Group, stored: state, joiner: dave, tree: staged.Group.Public().Tree()}
}

const operations = 7

// check offers a message to one operation of the group.
func (h *handler) check(t *testing.T, operation int, data []byte) {
	t.Helper()
	var err error
	n := allocated(func() { err = h.handle(operation, data) })
	if n > handlePerByte*len(data)+handleBase {
		t.Errorf("operation %d: %d bytes allocated for an input of %d: %x", operation, n, len(data), data)
	}
	var v *ValidationError
	var w *wire.Error
	var e *EpochError
	if err != nil && !errors.As(err, &v) && !errors.As(err, &w) && !errors.As(err, &e) {
		t.Errorf("operation %d: error %v names no rule", operation, err)
	}
	wantSameParts(t, h.stored, h.group.Parts(nil).Set)
}

func (h *handler) handle(operation int, data []byte) error {
	m := new(Message)
	if err := wire.Unmarshal(data, m); err != nil {
		return err
	}
	var err error
	switch operation {
	case 0:
		_, err = h.group.StageCommit(m)
	case 1:
		_, _, err = h.group.AddProposal(m)
	case 2:
		_, _, err = h.group.Unprotect(m)
	case 3:
		_, err = h.group.Public().StageCommit(m)
	case 4:
		_, _, err = h.group.Public().AddProposal(m)
	case 5:
		_, err = Join(m.Welcome, h.joiner, JoinParams{Tree: h.tree, Config: testConfig()})
	case 6:
		if m.GroupInfo != nil {
			_, err = NewPublicGroup(m.GroupInfo, nil, testConfig())
		}
	}
	return err
}

// robustSeeds are messages of all kinds: good ones, the reject vectors, and some that are made to be large when decoded.
func robustSeeds(t testing.TB) [][]byte {
	files, err := filepath.Glob(filepath.Join(rejectDir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no reject vectors: %v", err)
	}
	seeds := craftedMessages()
	for _, file := range files {
		if m := readFields(t, file)["message"]; len(m) > 0 && len(m) < 1<<12 {
			seeds = append(seeds, m)
		}
	}
	var s testSeed
	a := s.newGroup(t, s.newClient(t, "alice"))
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{s.newClient(t, "bob").KeyPackage}}, ForcePath: true, WelcomeTree: true})
	gi, err := staged.Group.GroupInfo(0, true)
	if err != nil {
		t.Fatal(err)
	}
	return append(seeds, wire.Marshal(staged.Commit), wire.Marshal(&Message{Format: WireFormatWelcome, Welcome: staged.Welcome}),
		wire.Marshal(&Message{Format: WireFormatGroupInfo, GroupInfo: gi}))
}

// FuzzDecoders feeds any bytes to every decoder.
func FuzzDecoders(f *testing.F) {
	for i, seed := range robustSeeds(f) {
		f.Add(0, seed)
		f.Add(i, seed)
	}
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		checkDecoder(t, int(uint(which)%uint(len(decoders))), data)
	})
}

// FuzzGroup feeds any bytes to every way into a group.
func FuzzGroup(f *testing.F) {
	h := newHandler(f)
	for i, seed := range robustSeeds(f) {
		f.Add(i%operations, seed)
	}
	f.Fuzz(func(t *testing.T, operation int, data []byte) { h.check(t, int(uint(operation)%operations), data) })
}

// mutate makes one or a few random changes: bits, bytes, lengths, cuts, repetitions, and pieces of other messages.
func mutate(rng *rand.Rand, seeds [][]byte) []byte {
	b := slices.Clone(seeds[rng.IntN(len(seeds))])
	for range 1 + rng.IntN(3) {
		if len(b) == 0 {
			return b
		}
		i := rng.IntN(len(b))
		switch rng.IntN(7) {
		case 0:
			b[i] ^= 1 << rng.IntN(8)
		case 1:
			b[i] = byte(rng.Uint32())
		case 2:
			b = b[:i]
		case 3:
			b = slices.Delete(b, i, min(len(b), i+1+rng.IntN(8)))
		case 4: // a length of up to 2^30
			b = slices.Replace(b, i, min(len(b), i+4), binary.BigEndian.AppendUint32(nil, 0x80000000|rng.Uint32N(1<<30))...)
		case 5:
			j := min(len(b), i+rng.IntN(64))
			b = slices.Insert(b, i, slices.Clone(b[i:j])...)
		case 6:
			other := seeds[rng.IntN(len(seeds))]
			if len(other) > 0 {
				b = append(b[:i], other[min(i, len(other)-1):]...)
			}
		}
	}
	return b
}

// A bounded run of random changes, the same every time: no panic, no large allocation, an error that names a rule, nothing changed.
func TestMutations(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 500
	}
	seeds, h, rng := robustSeeds(t), newHandler(t), rand.New(rand.NewPCG(9420, 1))
	for _, seed := range seeds {
		for which := range decoders {
			checkDecoder(t, which, seed)
		}
	}
	for k := range rounds {
		data := mutate(rng, seeds)
		checkDecoder(t, k%len(decoders), data)
		checkDecoder(t, 0, data)
		h.check(t, k%operations, data)
		if t.Failed() {
			t.Fatalf("in round %d", k)
		}
	}
}

// Vectors whose elements are as small as they can be are the worst that can be done with bytes to a decoder.
func TestSmallestElements(t *testing.T) {
	vector := func(element string, n int) []byte {
		var w wire.Writer
		w.OpaqueString(string(bytes.Repeat([]byte(element), n)))
		return w.Bytes()
	}
	const n = 20000
	for name, data := range map[string][]byte{
		"RatchetTree":          append(vector("\x00", n)[:4], bytes.Repeat([]byte{0}, n)...),
		"Credential":           append([]byte{0, 2}, vector("\x00", n)...),
		"Capabilities":         slices.Concat(vector("\x00\x01", n), vector("\x00\x01", n), vector("\x00\x01", n), vector("\x00\x01", n), vector("\x00\x01", n)),
		"RequiredCapabilities": slices.Concat(vector("\x00\x01", n), vector("\x00\x01", n), vector("\x00\x01", n)),
		"Welcome":              slices.Concat([]byte{0, 1}, vector("\x00\x00\x00", n), []byte{0}),
		"groupSecrets":         slices.Concat([]byte{0, 0}, vector("\x01\x00\x00", n)),
		"Commit":               slices.Concat(vector("\x01\x00\x0a", n), []byte{0}),
		"ParentNode":           slices.Concat([]byte{0, 0}, vector("\x00\x00\x00\x01", n)),
		"ExternalSenders":      vector("\x00\x00\x01\x00", n),
		"MediaTypeList":        vector("\x00\x00", n),
	} {
		which := slices.IndexFunc(decoders, func(d struct {
			name string
			new  func() wire.Unmarshaler
		}) bool {
			return d.name == name
		})
		t.Run(name, func(t *testing.T) { checkDecoder(t, which, data) })
	}
}

// What Parts stored and something changed is refused or loads: never a panic, never much memory.
func TestStoredMutations(t *testing.T) {
	h, rng := newHandler(t), rand.New(rand.NewPCG(9420, 2))
	names := slices.Sorted(maps.Keys(h.stored))
	for k := range 1000 {
		parts := maps.Clone(h.stored)
		name := names[rng.IntN(len(names))]
		parts[name] = mutate(rng, [][]byte{parts[name]})
		if rng.IntN(8) == 0 {
			parts[fmt.Sprintf("%s%d", name[:min(len(name), 2)], rng.Uint32())] = parts[name]
		}
		if n := allocated(func() { _, _ = LoadGroup(parts, testConfig()) }); n > handleBase {
			t.Fatalf("round %d, part %s: %d bytes allocated", k, name, n)
		}
	}
}
