package content

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"errors"
	"fmt"
)

// aeadKeys are the key sizes of the AEAD algorithms of external parts (IANA) that are understood.
var aeadKeys = map[uint16]int{1: 16, 2: 32}

// Open returns the file of which data is what its URL has: the hash is of that (draft-ietf-mimi-content-09 §4.3), and where it is encrypted it ends with
// the tag. An error says that it is not the file that was shared, or that it cannot be read.
func (x *ExternalPart) Open(data []byte) ([]byte, error) {
	if x.Hash != 0 {
		sum := digest(x.Hash, data)
		if sum == nil {
			return nil, fmt.Errorf("content: hash algorithm %d is not known", x.Hash)
		}
		if !bytes.Equal(sum, x.ContentHash) {
			return nil, errors.New("content: the file is not the one that was shared: its hash differs")
		}
	}
	if x.Encryption != 0 {
		if size, known := aeadKeys[x.Encryption]; !known || len(x.Key) != size || len(x.Nonce) == 0 {
			return nil, fmt.Errorf("content: AEAD algorithm %d is not known, or has another key or nonce", x.Encryption)
		}
		block, err := aes.NewCipher(x.Key)
		if err != nil {
			return nil, fmt.Errorf("content: %w", err)
		}
		aead, err := cipher.NewGCMWithNonceSize(block, len(x.Nonce))
		if err != nil {
			return nil, fmt.Errorf("content: %w", err)
		}
		if data, err = aead.Open(nil, x.Nonce, data, x.AAD); err != nil {
			return nil, errors.New("content: the file is not the one that was shared: it cannot be decrypted")
		}
	}
	if x.Size != 0 && uint64(len(data)) != x.Size {
		return nil, fmt.Errorf("content: the file has %d bytes and not %d", len(data), x.Size)
	}
	return data, nil
}

// digest hashes by an algorithm of the IANA Named Information registry; nil: it is not known.
func digest(algorithm uint8, data []byte) []byte {
	switch algorithm {
	case 1:
		sum := sha256.Sum256(data)
		return sum[:]
	case 7:
		sum := sha512.Sum384(data)
		return sum[:]
	case 8:
		sum := sha512.Sum512(data)
		return sum[:]
	case 10:
		sum := sha3.Sum256(data)
		return sum[:]
	case 12:
		sum := sha3.Sum512(data)
		return sum[:]
	}
	return nil
}

// Files are the external parts of a message that are files, in order.
func (m *Message) Files() (all []*Part) {
	var walk func(p *Part)
	walk = func(p *Part) {
		if p.Cardinality == External {
			all = append(all, p)
		}
		for i := range p.Parts {
			walk(&p.Parts[i])
		}
	}
	walk(&m.Body)
	return all
}
