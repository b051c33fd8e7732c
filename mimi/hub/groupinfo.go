package hub

import (
	"bytes"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// GroupInfo answers a groupInfo request from provider from (draft-ietf-mimi-protocol-06 §5.6): the GroupInfo, the tree and the pending
// proposals, encrypted to the joiner. The answer is owed even if the error, a *mimi.Refusal, is not nil; it is nil only if the body is
// malformed (Rule is RuleMalformed), which HTTP says.
func (r *Room) GroupInfo(now time.Time, from string, body []byte) ([]byte, error) {
	answer, refusal := r.groupInfo(now, from, body)
	if refusal == nil {
		return answer, nil
	}
	if refusal.Rule == RuleMalformed {
		return nil, refusal
	}
	return wire.Marshal(&mimi.GroupInfoResponse{Room: r.uri, Code: mimi.GroupInfoCode(refusal.Code)}), refusal
}

func (r *Room) groupInfo(now time.Time, from string, body []byte) ([]byte, *mimi.Refusal) {
	notAuthorized := func(rule, format string, args ...any) *mimi.Refusal {
		return refuse(mimi.EndpointGroupInfo, uint8(mimi.GroupInfoNotAuthorized), rule, format, args...)
	}
	var request mimi.GroupInfoRequest
	if err := wire.Unmarshal(body, &request); err != nil {
		return nil, notAuthorized(RuleMalformed, "%v", err)
	}
	pg := r.group.Public()
	if err := request.Verify(); err != nil {
		return nil, notAuthorized("signature", "%v", err)
	}
	client, err := mimi.CredentialClient(request.Credential)
	if err != nil {
		return nil, notAuthorized("credential", "%v", err)
	}
	if client.Provider() != from || from == r.provider() {
		return nil, notAuthorized("foreign-user", "%s may not speak for %s", from, client.ClientUser())
	}
	if err := pg.CheckCredential(request.Credential, request.SignatureKey, uint64(now.Unix())); err != nil {
		return nil, notAuthorized("credential", "%v", err)
	}
	if err := policy.AuthorizeGroupInfo(r.state, request.Credential, r.policyOptions(now, from)); err != nil {
		return nil, refusalOf(mimi.EndpointGroupInfo, uint8(mimi.GroupInfoNotAuthorized), "policy", err)
	}
	if g := r.gone(); g.anyOf(pg, client.ClientUser()) {
		return nil, notAuthorized("leaving", "%s is being removed", client.ClientUser())
	}
	answer, err := r.sealGroupInfo(now, &request)
	if err != nil {
		return nil, notAuthorized("hpke-key", "%v", err)
	}
	return answer, nil
}

func (r *Room) sealGroupInfo(now time.Time, request *mimi.GroupInfoRequest) ([]byte, error) {
	pg := r.group.Public()
	info, err := r.group.GroupInfo(r.group.Local()[0], false)
	if err != nil {
		return nil, err
	}
	plain := mimi.GroupInfoAndTree{
		GroupInfo:   info,
		RatchetTree: mimi.RatchetTreeOption{Representation: mimi.TreeFull, Tree: pg.Tree()},
	}
	for _, p := range pg.Pending() {
		plain.Pending = append(plain.Pending, mimi.PendingProposal{Message: p.Message, AcceptedAt: r.acceptedAt(p.Ref)})
	}
	var response mimi.GroupInfoResponse
	signer := mls.Signer{Suite: pg.Suite(), Public: r.options.Sender.SignatureKey, Private: r.options.Key}
	if err := response.Seal(signer, r.credential(now), request, r.uri, &plain); err != nil {
		return nil, err
	}
	return wire.Marshal(&response), nil
}

// credential is what vouches for our key in answers: what the group has of us, as whoever enters may compare it, if it serves yet.
func (r *Room) credential(now time.Time) mls.Credential {
	c := r.options.Sender.Credential
	for _, s := range mimi.ExternalSenders(r.group.Public().Context().Extensions) {
		if bytes.Equal(s.SignatureKey, r.options.Sender.SignatureKey) {
			c = s.Credential
		}
	}
	if r.options.Vouch == nil {
		return c
	}
	return r.options.Vouch(now, c)
}

func (r *Room) acceptedAt(ref mls.ProposalRef) uint64 {
	for _, a := range r.accepted {
		if bytes.Equal(a.ref, ref) {
			return a.at
		}
	}
	return 0
}
