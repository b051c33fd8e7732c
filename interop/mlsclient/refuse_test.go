package mlsclient

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"anteroom/interop/mlsclient/pb"
	"anteroom/mls"
)

// liar is a client that spoils one answer.
type liar struct {
	pb.MLSClientClient
	about string
}

func spoil(b []byte) []byte {
	b = bytes.Clone(b)
	b[0] ^= 1
	return b
}

func (l liar) HandleCommit(ctx context.Context, in *pb.HandleCommitRequest, opts ...grpc.CallOption) (*pb.HandleCommitResponse, error) {
	out, err := l.MLSClientClient.HandleCommit(ctx, in, opts...)
	if err == nil && l.about == "HandleCommit" {
		out.EpochAuthenticator = spoil(out.EpochAuthenticator)
	}
	return out, err
}

func (l liar) JoinGroup(ctx context.Context, in *pb.JoinGroupRequest, opts ...grpc.CallOption) (*pb.JoinGroupResponse, error) {
	out, err := l.MLSClientClient.JoinGroup(ctx, in, opts...)
	if err == nil && l.about == "JoinGroup" {
		out.EpochAuthenticator = spoil(out.EpochAuthenticator)
	}
	return out, err
}

func (l liar) Export(ctx context.Context, in *pb.ExportRequest, opts ...grpc.CallOption) (*pb.ExportResponse, error) {
	out, err := l.MLSClientClient.Export(ctx, in, opts...)
	if err == nil && l.about == "Export" {
		out.ExportedSecret = spoil(out.ExportedSecret)
	}
	return out, err
}

func (l liar) Unprotect(ctx context.Context, in *pb.UnprotectRequest, opts ...grpc.CallOption) (*pb.UnprotectResponse, error) {
	out, err := l.MLSClientClient.Unprotect(ctx, in, opts...)
	if err == nil && l.about == "Unprotect" {
		out.Plaintext = spoil(out.Plaintext)
	}
	return out, err
}

func (l liar) HandleBranch(ctx context.Context, in *pb.HandleBranchRequest, opts ...grpc.CallOption) (*pb.HandleBranchResponse, error) {
	out, err := l.MLSClientClient.HandleBranch(ctx, in, opts...)
	if err == nil && l.about == "HandleBranch" {
		out.EpochAuthenticator = spoil(out.EpochAuthenticator)
	}
	return out, err
}

func (l liar) HandleReInitWelcome(ctx context.Context, in *pb.HandleReInitWelcomeRequest, opts ...grpc.CallOption) (*pb.JoinGroupResponse, error) {
	out, err := l.MLSClientClient.HandleReInitWelcome(ctx, in, opts...)
	if err == nil && l.about == "HandleReInitWelcome" {
		out.EpochAuthenticator = spoil(out.EpochAuthenticator)
	}
	return out, err
}

func (l liar) CreateGroup(ctx context.Context, in *pb.CreateGroupRequest, opts ...grpc.CallOption) (*pb.CreateGroupResponse, error) {
	if l.about == "framing" {
		in.EncryptHandshake = false
	}
	return l.MLSClientClient.CreateGroup(ctx, in, opts...)
}

// The runner sees what is wrong: a client that lies about one thing fails a script that passes with an honest one.
func TestRunnerSeesLies(t *testing.T) {
	_, honest := newServer(t, "one", &calls{n: map[string]int{}})
	scripts := loadScripts(t, "testdata")
	for _, c := range []struct{ about, script, want string }{
		{"nothing", "join/with_path", ""},
		{"HandleCommit", "join/with_path", "ada has another epoch authenticator"},
		{"JoinGroup", "join/with_path", "cleo has another epoch authenticator"},
		{"Export", "join/with_path", "different epochs"},
		{"framing", "join/with_path", "message begins with"},
		{"Unprotect", "messages/backwards", "received"},
		{"HandleBranch", "subgroups/branch_of_all", "in the branch"},
		{"HandleReInitWelcome", "subgroups/reinit_id", "in the successor"},
	} {
		s := scripts[c.script]
		r := &run{ctx: t.Context(), suite: 1, private: true, clients: map[string]pb.MLSClientClient{}}
		for i, a := range s.actors() {
			r.clients[a] = liar{honest, "nothing"}
			if i == len(s.actors())-1 || c.about == "HandleCommit" || c.about == "framing" || c.about == "Unprotect" {
				r.clients[a] = liar{honest, c.about}
			}
		}
		err := r.play(s)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("lie about %s in %s: error %v, want %q", c.about, c.script, err, c.want)
		}
	}
}

// A script with a field that nothing reads is refused.
func TestScriptFields(t *testing.T) {
	if _, err := parseScripts([]byte(`{"scripts": {"a": [{"action": "createGroup", "actor": "ada", "colour": 1}]}}`)); err == nil {
		t.Error("a field that nothing reads is accepted")
	}
	if _, err := parseScripts([]byte(`{"scripts": {}}`)); err == nil {
		t.Error("no scripts are accepted")
	}
	if err := new(run).play(script{{Action: "dance"}}); err == nil || !strings.Contains(err.Error(), "dance") {
		t.Errorf("error %v, want the unknown action", err)
	}
}

func wantCode(t *testing.T, why string, want codes.Code, err error) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("%s: code %v (%v), want %v", why, got, err, want)
	}
}

// Calls with wrong handles, wrong messages or too much of something fail with a code and leave the state as it was.
func TestRefusals(t *testing.T) {
	s, client := newServer(t, "one", &calls{n: map[string]int{}})
	ctx := t.Context()
	create := func(identity string) uint32 {
		t.Helper()
		resp, err := client.CreateGroup(ctx, &pb.CreateGroupRequest{GroupId: []byte("g"), CipherSuite: 1, Identity: []byte(identity)})
		if err != nil {
			t.Fatal(err)
		}
		return resp.StateId
	}
	id, other := create("ada"), create("ben")
	kp, err := client.CreateKeyPackage(ctx, &pb.CreateKeyPackageRequest{CipherSuite: 1, Identity: []byte("cleo")})
	if err != nil {
		t.Fatal(err)
	}
	before := s.states[id].group
	_, err = client.StateAuth(ctx, &pb.StateAuthRequest{StateId: 999})
	wantCode(t, "unknown state", codes.NotFound, err)
	_, err = client.StateAuth(ctx, &pb.StateAuthRequest{StateId: kp.TransactionId})
	wantCode(t, "transaction for a state", codes.NotFound, err)
	_, err = client.Free(ctx, &pb.FreeRequest{StateId: 999})
	wantCode(t, "unknown state to free", codes.NotFound, err)
	_, err = client.JoinGroup(ctx, &pb.JoinGroupRequest{TransactionId: id})
	wantCode(t, "state for a transaction", codes.NotFound, err)
	_, err = client.ReInitWelcome(ctx, &pb.ReInitWelcomeRequest{ReinitId: id})
	wantCode(t, "state for a reinit", codes.NotFound, err)
	_, err = client.ExternalSignerProposal(ctx, &pb.ExternalSignerProposalRequest{SignerId: id})
	wantCode(t, "state for a signer", codes.NotFound, err)
	_, err = client.StorePSK(ctx, &pb.StorePSKRequest{})
	wantCode(t, "PSK for nobody", codes.NotFound, err)
	for _, cs := range []uint32{0, 8, 1<<16 + 1} {
		_, err = client.CreateKeyPackage(ctx, &pb.CreateKeyPackageRequest{CipherSuite: cs})
		wantCode(t, "unknown suite", codes.InvalidArgument, err)
	}
	_, err = client.HandlePendingCommit(ctx, &pb.HandlePendingCommitRequest{StateId: id})
	wantCode(t, "no pending commit", codes.FailedPrecondition, err)
	_, err = client.RemoveProposal(ctx, &pb.RemoveProposalRequest{StateId: id, RemovedId: []byte("nobody")})
	wantCode(t, "Remove of a stranger", codes.NotFound, err)
	_, err = client.Commit(ctx, &pb.CommitRequest{StateId: id, ByValue: []*pb.ProposalDescription{{ProposalType: []byte("dance")}}})
	wantCode(t, "unknown proposal type", codes.InvalidArgument, err)
	_, err = client.ReInitCommit(ctx, &pb.CommitRequest{StateId: id})
	wantCode(t, "commit without ReInit", codes.InvalidArgument, err)
	_, err = client.HandlePendingCommit(ctx, &pb.HandlePendingCommitRequest{StateId: id})
	wantCode(t, "a refused commit is not pending", codes.FailedPrecondition, err)
	_, err = client.Export(ctx, &pb.ExportRequest{StateId: id, KeyLength: MaxExport + 1})
	wantCode(t, "long secret", codes.InvalidArgument, err)
	_, err = client.GroupContextExtensionsProposal(ctx, &pb.GroupContextExtensionsProposalRequest{StateId: id,
		Extensions: []*pb.Extension{{ExtensionType: 1 << 16}}})
	wantCode(t, "wide extension type", codes.InvalidArgument, err)
	for _, b := range [][]byte{nil, {1}, kp.KeyPackage, kp.KeyPackage[:40]} {
		_, err = client.HandleCommit(ctx, &pb.HandleCommitRequest{StateId: id, Commit: b})
		wantCode(t, "not a commit", codes.InvalidArgument, err)
		_, err = client.Unprotect(ctx, &pb.UnprotectRequest{StateId: id, Ciphertext: b})
		wantCode(t, "not a PrivateMessage", codes.InvalidArgument, err)
		_, err = client.JoinGroup(ctx, &pb.JoinGroupRequest{TransactionId: kp.TransactionId, Welcome: b})
		wantCode(t, "not a Welcome", codes.InvalidArgument, err)
		_, err = client.ExternalJoin(ctx, &pb.ExternalJoinRequest{GroupInfo: b})
		wantCode(t, "not a GroupInfo", codes.InvalidArgument, err)
	}
	foreign, err := client.UpdateProposal(ctx, &pb.UpdateProposalRequest{StateId: other})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Commit(ctx, &pb.CommitRequest{StateId: id, ByReference: [][]byte{foreign.Proposal}})
	wantCode(t, "proposal of another group", codes.InvalidArgument, err)
	info, err := client.GroupInfo(ctx, &pb.GroupInfoRequest{StateId: id, ExternalTree: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.NewMemberAddProposal(ctx, &pb.NewMemberAddProposalRequest{GroupInfo: info.GroupInfo})
	wantCode(t, "GroupInfo without tree", codes.InvalidArgument, err)
	if s.states[id].group != before {
		t.Error("a refused call changed the state")
	}
}

// A commit that removes a member ends its state.
func TestRemovedMember(t *testing.T) {
	s, client := newServer(t, "one", &calls{n: map[string]int{}})
	r := &run{ctx: t.Context(), suite: 1, clients: map[string]pb.MLSClientClient{"ada": client, "ben": client}}
	r.states, r.transactions = map[string]uint32{}, map[string]uint32{}
	steps := script{
		{Action: "createGroup", Actor: "ada", Members: []string{"ben"}},
		{Action: "commit", Actor: "ada", ByValue: []description{{Type: "remove", Removed: "ben"}}},
	}
	for i := range steps {
		r.results = append(r.results, map[string][]byte{})
		if err := r.step(&steps[i], r.results[i]); err != nil {
			t.Fatal(err)
		}
	}
	handle := &pb.HandleCommitRequest{StateId: r.states["ben"], Commit: r.results[1]["commit"]}
	_, err := client.HandleCommit(t.Context(), handle)
	wantCode(t, "removed", codes.FailedPrecondition, err)
	_, err = client.StateAuth(t.Context(), &pb.StateAuthRequest{StateId: r.states["ben"]})
	wantCode(t, "after it", codes.FailedPrecondition, err)
	if s.states[r.states["ben"]].group != nil {
		t.Error("the removed member keeps its group")
	}
}

// What a runner can make grow has limits.
func TestLimits(t *testing.T) {
	s, client := newServer(t, "one", &calls{n: map[string]int{}})
	kp, err := client.CreateKeyPackage(t.Context(), &pb.CreateKeyPackageRequest{CipherSuite: 1})
	if err != nil {
		t.Fatal(err)
	}
	full := psks{}
	for i := range MaxPSKs {
		full[string(rune(i))] = nil
	}
	s.transactions[kp.TransactionId].psks = full
	_, err = client.StorePSK(t.Context(), &pb.StorePSKRequest{StateOrTransactionId: kp.TransactionId, PskId: []byte("one more")})
	wantCode(t, "a PSK too many", codes.ResourceExhausted, err)
	for i := range uint32(MaxHandles) {
		s.signers[1<<20+i] = new(signer)
	}
	_, err = client.CreateExternalSigner(t.Context(), &pb.CreateExternalSignerRequest{CipherSuite: 1})
	wantCode(t, "a handle too many", codes.ResourceExhausted, err)
	_, err = client.CreateExternalSigner(t.Context(), &pb.CreateExternalSignerRequest{Identity: make([]byte, MaxMessage)}, grpc.MaxCallSendMsgSize(2*MaxMessage))
	wantCode(t, "a request too large", codes.ResourceExhausted, err)
}

// The server says what it has, and its key packages are valid now.
func TestKeyPackageLifetime(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := New("one", func() time.Time { return now })
	kp, err := s.newClient(1, []byte("ada"))
	if err != nil {
		t.Fatal(err)
	}
	if l := kp.KeyPackage.LeafNode.Lifetime; !l.Contains(uint64(now.Unix())) || l.NotAfter != uint64(now.Add(keyPackageLifetime).Unix()) {
		t.Errorf("lifetime %v", l)
	}
	if !slices.IsSorted(suites) || len(suites) != 7 || suites[0] != mls.SuiteX25519AES128SHA256Ed25519 {
		t.Errorf("suites %v", suites)
	}
}
