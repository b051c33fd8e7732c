package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// SearchType is what an element of an identifier query searches in (draft-ietf-mimi-protocol-06 §5.8).
type SearchType uint8

const (
	SearchHandle       SearchType = 1
	SearchNick         SearchType = 2
	SearchEmail        SearchType = 3
	SearchPhone        SearchType = 4
	SearchPartialName  SearchType = 5
	SearchWholeProfile SearchType = 6
	SearchOIDCClaim    SearchType = 7
	SearchVCardField   SearchType = 8
)

// QueryElement is one condition; Name is the claim or property for the last two types.
type QueryElement struct {
	Type  SearchType
	Name  string
	Value string
}

// IdentifierRequest asks for users that meet all conditions.
type IdentifierRequest struct {
	Elements   []QueryElement
	Extensions mls.AppDataDictionary
}

// IdentifierCode is the outcome of a query.
type IdentifierCode uint8

const (
	IdentifierSuccess          IdentifierCode = 0
	IdentifierNotFound         IdentifierCode = 1
	IdentifierAmbiguous        IdentifierCode = 2
	IdentifierForbidden        IdentifierCode = 3
	IdentifierUnsupportedField IdentifierCode = 4
)

// ProfileField is a field of a found profile: Source is SearchOIDCClaim or SearchVCardField.
type ProfileField struct {
	Source SearchType
	Name   string
	Value  []byte
}

// UserProfile is what a provider tells of a found user.
type UserProfile struct {
	User   URI
	Fields []ProfileField
}

// IdentifierResponse answers an IdentifierRequest.
type IdentifierResponse struct {
	Code       IdentifierCode
	Users      []URI
	Profiles   []UserProfile
	Extensions mls.AppDataDictionary
}

func (q *IdentifierRequest) MarshalTLS(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for _, e := range q.Elements {
			w.U8(uint8(e.Type))
			if e.Type == SearchOIDCClaim || e.Type == SearchVCardField {
				w.OpaqueString(e.Name)
			}
			w.OpaqueString(e.Value)
		}
	})
	q.Extensions.MarshalTLS(w)
}

func (q *IdentifierRequest) UnmarshalTLS(r *wire.Reader) {
	*q = IdentifierRequest{}
	q.Elements = readList(r, "IdentifierRequest.query_elements", MaxQueryElements, func(r *wire.Reader, e *QueryElement) {
		e.Type = SearchType(r.At("QueryElement.searchType").U8())
		if r.Err() == nil && (e.Type == 0 || e.Type > SearchVCardField) {
			r.Failf("unknown type %d", e.Type)
		}
		if e.Type == SearchOIDCClaim || e.Type == SearchVCardField {
			e.Name = readText(r, "QueryElement.claimName", MaxMetadataText)
		}
		e.Value = readText(r, "QueryElement.searchValue", MaxMetadataText)
	})
	q.Extensions.UnmarshalTLS(r)
}

func (q *IdentifierResponse) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(q.Code))
	w.Vector(func(w *wire.Writer) {
		for _, u := range q.Users {
			writeURI(w, u)
		}
	})
	w.Vector(func(w *wire.Writer) {
		for _, p := range q.Profiles {
			writeURI(w, p.User)
			w.Vector(func(w *wire.Writer) {
				for _, f := range p.Fields {
					w.U8(uint8(f.Source))
					w.OpaqueString(f.Name)
					w.Opaque(f.Value)
				}
			})
		}
	})
	q.Extensions.MarshalTLS(w)
}

func (q *IdentifierResponse) UnmarshalTLS(r *wire.Reader) {
	*q = IdentifierResponse{}
	q.Code = IdentifierCode(r.At("IdentifierResponse.responseCode").U8())
	if r.Err() == nil && q.Code > IdentifierUnsupportedField {
		r.Failf("unknown code %d", q.Code)
	}
	q.Users = readList(r, "IdentifierResponse.uri", MaxQueryResults, func(r *wire.Reader, u *URI) {
		*u = readKind(r, "IdentifierResponse.uri", KindUser)
	})
	q.Profiles = readList(r, "IdentifierResponse.foundProfiles", MaxQueryResults, func(r *wire.Reader, p *UserProfile) {
		p.User = readKind(r, "UserProfile.stableUri", KindUser)
		p.Fields = readList(r, "UserProfile.fields", MaxPolicyEntries, func(r *wire.Reader, f *ProfileField) {
			f.Source = SearchType(r.At("ProfileField.fieldSource").U8())
			if r.Err() == nil && f.Source != SearchOIDCClaim && f.Source != SearchVCardField {
				r.Failf("unknown source %d", f.Source)
			}
			f.Name = readText(r, "ProfileField.fieldName", MaxMetadataText)
			f.Value = readBounded(r, "ProfileField.fieldValue", MaxMetadataText)
		})
	})
	q.Extensions.UnmarshalTLS(r)
}
