package embed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/reweave/reweave/pkg/fault"
)

// natsKey is the key pair of whoever joins the embedded NATS. The server is given the public
// half alone.
type natsKey struct {
	pair   nkeys.KeyPair
	public string
	file   string // where others find the seed; "" where there are none
}

// loadKey reads the seed in a file, or makes one when there is none. Without a file the key
// is this process's own.
func loadKey(file string) (natsKey, error) {
	k := natsKey{file: file}
	var err error
	if file == "" {
		k.pair, err = nkeys.CreateUser()
	} else {
		k.pair, err = kept(file)
	}
	if err != nil {
		return k, err
	}
	k.public, err = k.pair.PublicKey()
	return k, err
}

// kept reads the seed in a file that only this user can read, or makes one.
func kept(file string) (nkeys.KeyPair, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		pair, err := nkeys.CreateUser()
		if err != nil {
			return nil, fmt.Errorf("make a key for NATS: %w", err)
		}
		seed, err := pair.Seed()
		if err != nil {
			return nil, fmt.Errorf("make a key for NATS: %w", err)
		}
		return pair, writeSecret(file, append(seed, '\n'))
	}
	if err != nil {
		return nil, fmt.Errorf("read the key for NATS: %w", err)
	}
	pair, err := nkeys.ParseDecoratedUserNKey(text)
	if err != nil {
		return nil, fault.Userf("bad-data-dir", file, "the file holds no seed of a key", "delete it, and a new one will be made")
	}
	return pair, nil
}

// option is how a client in this process shows the key.
func (k natsKey) option() nats.Option { return nats.Nkey(k.public, k.pair.Sign) }
