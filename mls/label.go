package mls

import "anteroom/mls/internal/suite"

// The labelled operations of RFC 9420 §5.1.2 and §5.1.3 for protocols that use a group's keys beside it, as MIMI does for its
// requests. Labels are given without the "MLS 1.0 " that the RFC puts in front.

// SignWithLabel signs content (§5.1.2).
func (s Signer) SignWithLabel(label string, content []byte) ([]byte, error) {
	st, err := suite.ByID(uint16(s.Suite))
	if err != nil {
		return nil, err
	}
	return st.SignWithLabel(s.Private, label, content)
}

// VerifyWithLabel checks a signature made with SignWithLabel.
func VerifyWithLabel(cs CipherSuite, key SignaturePublicKey, label string, content, signature []byte) error {
	st, err := suite.ByID(uint16(cs))
	if err != nil {
		return err
	}
	return st.VerifyWithLabel(key, label, content, signature)
}

// NewHPKEKey derives an HPKE key pair of a suite from seed.
func NewHPKEKey(cs CipherSuite, seed Seed) (HPKEPrivateKey, HPKEPublicKey, error) {
	st, err := suite.ByID(uint16(cs))
	if err != nil {
		return nil, nil, err
	}
	private, public := st.DeriveKeyPair(seed[:])
	return private, public, nil
}

// EncryptWithLabel seals plaintext to key (§5.1.3).
func EncryptWithLabel(cs CipherSuite, key HPKEPublicKey, label string, context, plaintext []byte) (HPKECiphertext, error) {
	st, err := suite.ByID(uint16(cs))
	if err != nil {
		return HPKECiphertext{}, err
	}
	kemOutput, ciphertext, err := st.EncryptWithLabel(key, label, context, plaintext)
	return HPKECiphertext{KEMOutput: kemOutput, Ciphertext: ciphertext}, err
}

// DecryptWithLabel opens what EncryptWithLabel sealed.
func DecryptWithLabel(cs CipherSuite, key HPKEPrivateKey, label string, context []byte, c HPKECiphertext) ([]byte, error) {
	st, err := suite.ByID(uint16(cs))
	if err != nil {
		return nil, err
	}
	return st.DecryptWithLabel(key, label, context, c.KEMOutput, c.Ciphertext)
}
