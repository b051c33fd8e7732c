package hub

import (
	"errors"
	"fmt"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// RuleMalformed is the Rule of a Refusal for a body that could not be read: there is no answer for it in the protocol, HTTP says it.
const RuleMalformed = "malformed"

func refuse(e mimi.Endpoint, code uint8, rule, format string, args ...any) *mimi.Refusal {
	return &mimi.Refusal{Endpoint: e, Code: code, Rule: rule, Text: fmt.Sprintf(format, args...)}
}

func notAllowed(rule, format string, args ...any) *mimi.Refusal {
	return refuse(mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed), rule, format, args...)
}

func notSent(rule, format string, args ...any) *mimi.Refusal {
	return refuse(mimi.EndpointSubmitMessage, uint8(mimi.SubmitNotAllowed), rule, format, args...)
}

// refusalOf makes any error of the packages below a refusal. The code of other refusals is kept if it belongs to the endpoint.
func refusalOf(e mimi.Endpoint, code uint8, rule string, err error) *mimi.Refusal {
	var refusal *mimi.Refusal
	if errors.As(err, &refusal) {
		if refusal.Endpoint == e {
			return refusal
		}
		moved := *refusal
		moved.Endpoint, moved.Code = e, code
		return &moved
	}
	var invalid *mls.ValidationError
	if errors.As(err, &invalid) {
		rule = invalid.Rule
	}
	return refuse(e, code, rule, "%v", err)
}

// updateAnswer is the answer that carries a refusal; nil for a malformed body.
func updateAnswer(refusal *mimi.Refusal, epoch mls.Epoch) []byte {
	if refusal.Rule == RuleMalformed {
		return nil
	}
	response := mimi.UpdateResponse{Code: mimi.UpdateCode(refusal.Code), Text: clip(refusal.Error()), Epoch: epoch}
	for _, ref := range refusal.Invalid {
		response.Invalid = append(response.Invalid, ref)
	}
	return wire.Marshal(&response)
}

func clip(s string) string {
	if len(s) > mimi.MaxErrorText {
		return s[:mimi.MaxErrorText]
	}
	return s
}

// NoSuchRoom returns the answer of the endpoint about a room that does not exist: groupInfo has a code for it; for every other ok is
// false and HTTP status 404 says it.
func NoSuchRoom(e mimi.Endpoint, room mimi.URI) (answer []byte, ok bool) {
	if e != mimi.EndpointGroupInfo {
		return nil, false
	}
	return wire.Marshal(&mimi.GroupInfoResponse{Room: room, Code: mimi.GroupInfoNoSuchRoom}), true
}
