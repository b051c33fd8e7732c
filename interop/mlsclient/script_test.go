package mlsclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anteroom/interop/mlsclient/pb"
)

// script is a list of steps in the format of the runner of mlswg/mls-implementations. A number in a step names an earlier step, whose
// result it takes.
type script []step

// step is one step of a script: Action and Actor, and the fields that the action reads.
type step struct {
	Action string `json:"action"`
	Actor  string `json:"actor,omitempty"`

	Members []string `json:"members,omitempty"`
	Joiners []string `json:"joiners,omitempty"`
	Joiner  string   `json:"joiner,omitempty"`
	Clients []string `json:"clients,omitempty"`
	Member  string   `json:"member,omitempty"`
	Signer  string   `json:"signer,omitempty"`
	Removed string   `json:"removed,omitempty"`

	KeyPackage int         `json:"keyPackage,omitempty"`
	PSK        int         `json:"pskID,omitempty"`
	PSKs       []int       `json:"psks,omitempty"`
	Epoch      uint64      `json:"epochID,omitempty"`
	Extensions []extension `json:"extensions,omitempty"`

	ByReference []int         `json:"byReference,omitempty"`
	ByValue     []description `json:"byValue,omitempty"`
	Description *description  `json:"description,omitempty"`
	Commit      int           `json:"commit,omitempty"`
	Welcome     int           `json:"welcome,omitempty"`
	RemovePrior bool          `json:"removePrior,omitempty"`

	// Both spellings are in use.
	ForcePath     bool `json:"force_path,omitempty"`
	ForcePath2    bool `json:"forcePath,omitempty"`
	ExternalTree  bool `json:"external_tree,omitempty"`
	ExternalTree2 bool `json:"externalTree,omitempty"`

	AuthenticatedData string `json:"authenticatedData,omitempty"`
	Plaintext         string `json:"plaintext,omitempty"`
	Ciphertext        int    `json:"ciphertext,omitempty"`

	Proposer       string `json:"proposer,omitempty"`
	Committer      string `json:"committer,omitempty"`
	Welcomer       string `json:"welcomer,omitempty"`
	ChangeSuite    bool   `json:"changeCipherSuite,omitempty"`
	ChangeGroupID  bool   `json:"changeGroupID,omitempty"`
	ReInitProposal int    `json:"externalReinitProposal,omitempty"`
}

// description is a proposal by value.
type description struct {
	Type          string      `json:"proposalType"`
	KeyPackage    int         `json:"keyPackage,omitempty"`
	Removed       string      `json:"removed,omitempty"`
	PSK           int         `json:"pskID,omitempty"`
	Epoch         uint64      `json:"epochID,omitempty"`
	Extensions    []extension `json:"extensions,omitempty"`
	ChangeSuite   bool        `json:"changeCipherSuite,omitempty"`
	ChangeGroupID bool        `json:"changeGroupID,omitempty"`
}

type extension struct {
	Type uint32 `json:"extension_type"`
	Data []byte `json:"extension_data"`
}

func encodeExtensions(list []extension) []*pb.Extension {
	out := make([]*pb.Extension, len(list))
	for i, e := range list {
		out[i] = &pb.Extension{ExtensionType: e.Type, ExtensionData: e.Data}
	}
	return out
}

func (s *step) forcePath() bool    { return s.ForcePath || s.ForcePath2 }
func (s *step) externalTree() bool { return s.ExternalTree || s.ExternalTree2 }

// actors are all names in a script, sorted.
func (s script) actors() []string {
	names := map[string]bool{}
	for _, st := range s {
		for _, list := range [][]string{st.Members, st.Joiners, st.Clients, {st.Actor, st.Joiner, st.Signer, st.Proposer, st.Committer, st.Welcomer}} {
			for _, n := range list {
				names[n] = true
			}
		}
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

// loadScripts reads all scripts of a folder, named file/script.
func loadScripts(t *testing.T, dir string) map[string]script {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s (%v)", dir, err)
	}
	out := map[string]script{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		scripts, err := parseScripts(b)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for name, s := range scripts {
			out[strings.TrimSuffix(filepath.Base(file), ".json")+"/"+name] = s
		}
	}
	return out
}

// parseScripts reads a configuration. A field that no action reads is an error: it would be a test that tests nothing.
func parseScripts(b []byte) (map[string]script, error) {
	var config struct {
		Scripts map[string]script `json:"scripts"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&config); err != nil {
		return nil, err
	}
	if len(config.Scripts) == 0 {
		return nil, fmt.Errorf("no scripts")
	}
	return config.Scripts, nil
}
