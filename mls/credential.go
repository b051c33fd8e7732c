package mls

// Credential binds an identity to a signature key (§5.3). Identity is set for basic credentials, Certificates (DER) for
// X.509; the body of any other type is kept in Raw.
type Credential struct {
	Type         CredentialType
	Identity     []byte
	Certificates [][]byte
	Raw          []byte
}

// Signer is a signature key pair of one suite.
type Signer struct {
	Suite   CipherSuite
	Public  SignaturePublicKey
	Private SignaturePrivateKey
}
