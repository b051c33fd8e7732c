package mucmap

import (
	"slices"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// draft-ietf-mimi-protocol-06 §5.8: each kind of condition, all of which must hold, and each code.
func TestIdentifierQuery(t *testing.T) {
	svc := testService(t)
	people := []Summary{
		{Name: "@juliet", Findable: FindableName, Title: "Juliet Capulet"},
		{Name: "@nurse", Findable: FindableHandle},
		{Name: "@tybalt"},
		{Name: "garden", Public: true, Title: "Juliet Capulet"},
	}
	ask := func(elements ...mimi.QueryElement) (mimi.IdentifierCode, []string) {
		t.Helper()
		status, body := svc.IdentifierQuery(wire.Marshal(&mimi.IdentifierRequest{Elements: elements}), slices.Values(people))
		var a mimi.IdentifierResponse
		if err := wire.Unmarshal(body, &a); err != nil || status != statusOK {
			t.Fatalf("%d %v", status, err)
		}
		var names []string
		for _, u := range a.Users {
			names = append(names, u.Name())
		}
		return a.Code, names
	}
	one := func(typ mimi.SearchType, name, value string) mimi.QueryElement {
		return mimi.QueryElement{Type: typ, Name: name, Value: value}
	}
	for _, test := range []struct {
		q    []mimi.QueryElement
		code mimi.IdentifierCode
		want []string
	}{
		{[]mimi.QueryElement{one(mimi.SearchHandle, "", "im:juliet@a.example")}, mimi.IdentifierSuccess, []string{"juliet"}},
		{[]mimi.QueryElement{one(mimi.SearchHandle, "", "xmpp:nurse@a.example")}, mimi.IdentifierSuccess, []string{"nurse"}},
		{[]mimi.QueryElement{one(mimi.SearchHandle, "", "mimi://a.example/u/nurse")}, mimi.IdentifierSuccess, []string{"nurse"}},
		{[]mimi.QueryElement{one(mimi.SearchHandle, "", "tybalt@a.example")}, mimi.IdentifierNotFound, nil},
		{[]mimi.QueryElement{one(mimi.SearchHandle, "", "juliet")}, mimi.IdentifierNotFound, nil},
		{[]mimi.QueryElement{one(mimi.SearchHandle, "", "juliet@b.example")}, mimi.IdentifierNotFound, nil},
		{[]mimi.QueryElement{one(mimi.SearchNick, "", "juliet")}, mimi.IdentifierSuccess, []string{"juliet"}},
		{[]mimi.QueryElement{one(mimi.SearchNick, "", "nurse")}, mimi.IdentifierNotFound, nil},
		{[]mimi.QueryElement{one(mimi.SearchPartialName, "", "CAPU")}, mimi.IdentifierSuccess, []string{"juliet"}},
		{[]mimi.QueryElement{one(mimi.SearchPartialName, "", "ca")}, mimi.IdentifierAmbiguous, nil},
		{[]mimi.QueryElement{one(mimi.SearchPartialName, "", "a.example")}, mimi.IdentifierNotFound, nil},
		{[]mimi.QueryElement{one(mimi.SearchWholeProfile, "", "a.example")}, mimi.IdentifierSuccess, []string{"juliet"}},
		{[]mimi.QueryElement{one(mimi.SearchVCardField, "FN", "Juliet Capulet")}, mimi.IdentifierSuccess, []string{"juliet"}},
		{[]mimi.QueryElement{one(mimi.SearchOIDCClaim, "preferred_username", "nurse")}, mimi.IdentifierNotFound, nil},
		{[]mimi.QueryElement{one(mimi.SearchOIDCClaim, "birthdate", "1597-01-01")}, mimi.IdentifierUnsupportedField, nil},
		{[]mimi.QueryElement{one(mimi.SearchEmail, "", "juliet@a.example")}, mimi.IdentifierUnsupportedField, nil},
		{[]mimi.QueryElement{one(mimi.SearchPhone, "", "+12125551212")}, mimi.IdentifierUnsupportedField, nil},
		{[]mimi.QueryElement{one(mimi.SearchNick, "", "juliet"), one(mimi.SearchPartialName, "", "Montague")}, mimi.IdentifierNotFound, nil},
		{[]mimi.QueryElement{one(mimi.SearchNick, "", "juliet"), one(mimi.SearchPartialName, "", "Capulet")}, mimi.IdentifierSuccess, []string{"juliet"}},
		{nil, mimi.IdentifierForbidden, nil},
	} {
		if code, names := ask(test.q...); code != test.code || !slices.Equal(names, test.want) {
			t.Errorf("%+v: code %d %v, want %d %v", test.q, code, names, test.code, test.want)
		}
	}
	for range MaxFoundUsers {
		people = append(people, Summary{Name: "@juliet" + string(rune('a'+len(people))), Findable: FindableName, Title: "Julia"})
	}
	if code, names := ask(one(mimi.SearchPartialName, "", "juli")); code != mimi.IdentifierAmbiguous || names != nil {
		t.Errorf("more than %d users: code %d %v", MaxFoundUsers, code, names)
	}
	for _, body := range [][]byte{[]byte("x"), wire.Marshal(&mimi.IdentifierRequest{Extensions: mls.AppDataDictionary{{ID: mimi.ComponentAnteroomRooms, Data: []byte{9}}}})} {
		if status, _ := svc.IdentifierQuery(body, slices.Values(people)); status != statusBadRequest {
			t.Errorf("%x: %d", body, status)
		}
	}
}

// What a provider says of others' users and rooms, or in text that XML cannot hold, is not shown.
func TestFindingsOfOthers(t *testing.T) {
	svc := testService(t)
	rooms := &mimi.FoundRooms{Rooms: []mimi.FoundRoom{
		{Room: mimi.MustURI("mimi://b.example/r/hall"), Name: "Hall\x01", Description: "large"}, {Room: mimi.MustURI("mimi://c.example/r/hall")}, {Room: mimi.MustURI("mimi://a.example/r/hall")}}}
	a := mimi.IdentifierResponse{Users: []mimi.URI{bobURI, julietURI, mimi.MustURI("mimi://c.example/u/carol")},
		Profiles:   []mimi.UserProfile{{User: bobURI, Fields: []mimi.ProfileField{{Source: mimi.SearchVCardField, Name: "FN", Value: []byte("Bob\x00")}}}},
		Extensions: (mls.AppDataDictionary{}).With(mimi.ComponentAnteroomRooms, wire.Marshal(rooms))}
	f, e := svc.readFindings(Answered{Request: PeerRequest{Provider: "b.example"}, Status: statusOK, Body: wire.Marshal(&a)})
	if e != nil || len(f.users) != 1 || f.users[0] != (foundUser{"u%bob%b.example@rooms.a.example", ""}) {
		t.Fatalf("users %+v %v", f, e)
	}
	if len(f.rooms) != 1 || f.rooms[0].address != "hall%b.example@rooms.a.example" || f.rooms[0].Title != "" || f.rooms[0].Description != "large" {
		t.Errorf("rooms %+v", f.rooms)
	}
	for _, status := range []int{statusTryAgain, statusGatewayTimeout, statusNotFound} {
		if _, e := svc.readFindings(Answered{Request: PeerRequest{Provider: "b.example"}, Status: status}); e == nil {
			t.Errorf("status %d is no refusal", status)
		}
	}
	if _, e := svc.readFindings(Answered{Request: PeerRequest{Provider: "b.example"}, Status: statusOK, Body: []byte("x")}); e == nil {
		t.Error("nonsense is an answer")
	}
}

// The domain of an address names its provider however it is written.
func TestProviderOfAnAddress(t *testing.T) {
	if p, _, e := testService(t).userQuery("Bob@B.Example", ""); e != nil || p != "b.example" {
		t.Error(p, e)
	}
}
