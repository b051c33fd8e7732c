package mls

import (
	"bytes"

	"anteroom/mls/wire"
)

// The Safe Application Interface of draft-ietf-mls-extensions: keys, signatures and secrets that belong to one component.

// componentLabel is the encoded ComponentOperationLabel, which takes the place of a label.
func componentLabel(id ComponentID, label string) string {
	var w wire.Writer
	w.OpaqueString("MLS Component")
	w.U16(uint16(id))
	w.OpaqueString(label)
	return string(w.Bytes())
}

// SafeSignWithLabel signs content for one component.
func (s Signer) SafeSignWithLabel(id ComponentID, label string, content []byte) ([]byte, error) {
	return s.SignWithLabel(componentLabel(id, label), content)
}

// SafeVerifyWithLabel checks a signature made with SafeSignWithLabel.
func SafeVerifyWithLabel(cs CipherSuite, key SignaturePublicKey, id ComponentID, label string, content, signature []byte) error {
	return VerifyWithLabel(cs, key, componentLabel(id, label), content, signature)
}

// SafeEncryptWithLabel seals plaintext for one component to any HPKE key of MLS: of a leaf, a key package, or external_pub.
func SafeEncryptWithLabel(cs CipherSuite, key HPKEPublicKey, id ComponentID, label string, context, plaintext []byte) (HPKECiphertext, error) {
	return EncryptWithLabel(cs, key, componentLabel(id, label), context, plaintext)
}

// SafeDecryptWithLabel opens what SafeEncryptWithLabel sealed.
func SafeDecryptWithLabel(cs CipherSuite, key HPKEPrivateKey, id ComponentID, label string, context []byte, c HPKECiphertext) ([]byte, error) {
	return DecryptWithLabel(cs, key, componentLabel(id, label), context, c)
}

// SafeSign signs content for one component with the signature key of local leaf as.
func (g *Group) SafeSign(as LeafIndex, id ComponentID, label string, content []byte) ([]byte, error) {
	l := g.localAt(as)
	if l == nil {
		return nil, ErrNoLocalLeaf
	}
	return g.public.suite.SignWithLabel(l.signature, componentLabel(id, label), content)
}

// SafeDecrypt opens what was sealed for one component to the encryption key of local leaf as.
func (g *Group) SafeDecrypt(as LeafIndex, id ComponentID, label string, context []byte, c HPKECiphertext) ([]byte, error) {
	l := g.localAt(as)
	if l == nil {
		return nil, ErrNoLocalLeaf
	}
	return g.public.suite.DecryptWithLabel(l.key, componentLabel(id, label), context, c.KEMOutput, c.Ciphertext)
}

// ExternalPub is the key that outsiders seal to for all members of the epoch (§8).
func (g *Group) ExternalPub() HPKEPublicKey {
	_, public := g.secrets.externalKey(g.public.suite)
	return public
}

// SafeDecryptExternal opens what was sealed for one component to ExternalPub.
func (g *Group) SafeDecryptExternal(id ComponentID, label string, context []byte, c HPKECiphertext) ([]byte, error) {
	private, _ := g.secrets.externalKey(g.public.suite)
	return g.public.suite.DecryptWithLabel(private, componentLabel(id, label), context, c.KEMOutput, c.Ciphertext)
}

// SafeExport returns the epoch's exported secret of a component, of the suite's hash size, and the group from which it is gone: each
// component's secret can be had once per epoch. The error is ErrExported after that.
func (g *Group) SafeExport(id ComponentID) (*Group, []byte, error) {
	exports, secret, err := g.exports.Export(uint16(id))
	if err != nil {
		return nil, nil, err
	}
	h := *g
	h.exports = exports
	return &h, secret, nil
}

// LastResort reports whether a key package is marked as one that may be used more than once (component last_resort_key_package).
func (kp *KeyPackage) LastResort() bool {
	dictionary, err := appDataDictionary(kp.Extensions)
	if err != nil {
		return false
	}
	data, found := dictionary.Get(ComponentLastResortKeyPackage)
	return found && len(data) == 0
}

// WireFormats is the body of the extensions supported_wire_formats of leaves and required_wire_formats of groups.
type WireFormats []WireFormat

// MarshalTLS implements wire.Marshaler.
func (f WireFormats) MarshalTLS(w *wire.Writer) { writeUint16s(w, f) }

// UnmarshalTLS implements wire.Unmarshaler.
func (f *WireFormats) UnmarshalTLS(r *wire.Reader) {
	*f = readUint16s[WireFormat](r.At("WireFormats.wire_formats"))
}

// SupportsWireFormat reports whether the client of a leaf understands a wire format: one of RFC 9420 §6, or listed.
func (n *LeafNode) SupportsWireFormat(f WireFormat) bool {
	if WireFormatPublicMessage <= f && f <= WireFormatKeyPackage {
		return true
	}
	var supported WireFormats
	if err := readExtension(n.Extensions, ExtensionSupportedWireFormats, &supported, "mlsext-required-wire-format"); err != nil {
		return false
	}
	for _, s := range supported {
		if s == f {
			return true
		}
	}
	return false
}

// checkWireFormats verifies that all members support what required_wire_formats lists.
func (t tree) checkWireFormats(extensions []Extension) error {
	const rule = "mlsext-required-wire-format"
	if _, found := findExtension(extensions, ExtensionRequiredWireFormats); !found {
		return nil
	}
	var required WireFormats
	err := readExtension(extensions, ExtensionRequiredWireFormats, &required, rule)
	t.eachLeaf(func(i LeafIndex, n *LeafNode) bool {
		for _, f := range required {
			if !n.SupportsWireFormat(f) {
				err = invalidf(rule, "leaf %d does not support wire format %d", i, f)
			}
		}
		return err == nil
	})
	return err
}

// MediaType names what a content is (component content_media_types): Type is such as text/plain, parameters keep their order.
type MediaType struct {
	Type       string
	Parameters []MediaParameter
}

// MediaParameter is one parameter of a media type, its value without quotation marks and escapes.
type MediaParameter struct{ Name, Value string }

// MarshalTLS implements wire.Marshaler.
func (m *MediaType) MarshalTLS(w *wire.Writer) {
	w.OpaqueString(m.Type)
	wire.WriteVector(w, m.Parameters)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (m *MediaType) UnmarshalTLS(r *wire.Reader) {
	m.Type = r.At("MediaType.type").String()
	m.Parameters = wire.ReadVector[MediaParameter](r.At("MediaType.parameters"))
}

// MarshalTLS implements wire.Marshaler.
func (p *MediaParameter) MarshalTLS(w *wire.Writer) {
	w.OpaqueString(p.Name)
	w.OpaqueString(p.Value)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (p *MediaParameter) UnmarshalTLS(r *wire.Reader) {
	p.Name = r.At("Parameter.parameter_name").String()
	p.Value = r.At("Parameter.parameter_value").String()
}

// MediaTypeList is the data of content_media_types: never empty, the group's first one is the default.
type MediaTypeList []MediaType

// MarshalTLS implements wire.Marshaler.
func (l MediaTypeList) MarshalTLS(w *wire.Writer) { wire.WriteVector(w, []MediaType(l)) }

// UnmarshalTLS implements wire.Unmarshaler.
func (l *MediaTypeList) UnmarshalTLS(r *wire.Reader) {
	*l = wire.ReadVector[MediaType](r.At("MediaTypeList.media_type_list"))
	if r.Err() == nil && len(*l) == 0 {
		r.Fail("no media type")
	}
}

// MediaTypes returns the media types that the group requires; nil if it does not say. Then application data has no framing.
func (p *PublicGroup) MediaTypes() (MediaTypeList, error) { return mediaTypes(p.dictionary) }

// MediaTypes returns the media types that the client of a leaf can receive; nil if it does not say.
func (n *LeafNode) MediaTypes() (MediaTypeList, error) {
	dictionary, err := appDataDictionary(n.Extensions)
	if err != nil {
		return nil, err
	}
	return mediaTypes(dictionary)
}

func mediaTypes(d AppDataDictionary) (list MediaTypeList, err error) {
	data, found := d.Get(ComponentContentMediaTypes)
	if !found {
		return nil, nil
	}
	if err := wire.Unmarshal(data, &list); err != nil {
		return nil, invalid("mlsext-media-types", err.Error())
	}
	return list, nil
}

// Supports reports whether every media type of required is in l.
func (l MediaTypeList) Supports(required MediaTypeList) bool {
	for i := range required {
		found := false
		for k := range l {
			found = found || bytes.Equal(wire.Marshal(&l[k]), wire.Marshal(&required[i]))
		}
		if !found {
			return false
		}
	}
	return true
}

// ApplicationFraming is the application data of a group that lists media types. An empty type stands for the first one listed.
type ApplicationFraming struct {
	MediaType MediaType
	Content   []byte
}

// MarshalTLS implements wire.Marshaler.
func (f *ApplicationFraming) MarshalTLS(w *wire.Writer) {
	f.MediaType.MarshalTLS(w)
	w.Opaque(f.Content)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (f *ApplicationFraming) UnmarshalTLS(r *wire.Reader) {
	f.MediaType.UnmarshalTLS(r)
	f.Content = r.At("ApplicationFraming.inner_application_content").Opaque()
}

func checkFraming(data []byte) error {
	if err := wire.Unmarshal(data, new(ApplicationFraming)); err != nil {
		return invalid("mlsext-application-framing", err.Error())
	}
	return nil
}
