package cli

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// hostKeyFiles are the host keys that a node has, with OpenSSH's file names,
// so that keys of an sshd that went before can be put there.
var hostKeyFiles = []struct {
	name string
	make func() (crypto.Signer, error)
}{
	{"ssh_host_ed25519_key", func() (crypto.Signer, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}},
	{"ssh_host_ecdsa_key", func() (crypto.Signer, error) {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}},
}

// LoadHostKeys reads the host keys in dir, and makes those that do not exist
// yet: once in the life of a node, since clients remember them. A file that is
// there but cannot be used is an error and is left alone.
func LoadHostKeys(dir string) ([]crypto.Signer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory for SSH host keys: %w", err)
	}
	var keys []crypto.Signer
	for _, f := range hostKeyFiles {
		path := filepath.Join(dir, f.name)
		key, err := readHostKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			if key, err = f.make(); err == nil {
				err = writeHostKey(path, key)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("SSH host key %s: %w", path, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func readHostKey(path string) (crypto.Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("its mode is %04o, so others can read it: chmod 600 it, or remove it to have a new one made", info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	raw, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("it is damaged (%w): restore it from a copy, or remove it to have a new one made, which clients will warn of", err)
	}
	switch key := raw.(type) {
	case *ed25519.PrivateKey:
		return *key, nil
	case crypto.Signer:
		return key, nil
	}
	return nil, fmt.Errorf("cannot sign with a %T", raw)
}

// writeHostKey writes the private key and, for whoever publishes it, the
// public one. The private key appears whole or not at all.
func writeHostKey(path string, key crypto.Signer) error {
	block, err := ssh.MarshalPrivateKey(key, "triggerd")
	if err != nil {
		return err
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := writeWhole(path+".pub", ssh.MarshalAuthorizedKey(public), 0o644); err != nil {
		return err
	}
	return writeWhole(path, pem.EncodeToMemory(block), 0o600)
}

// writeWhole writes a file under another name, syncs it and renames it.
func writeWhole(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
