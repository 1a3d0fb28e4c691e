package natsq

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// A client shows NATS who it is in one of three ways: by a key pair (NKEY), of which the
// server knows the public half; by a JWT that an account signed, which comes with a seed in
// one file; or by a user and a password in the URL. Secrets are read from files each time
// they are needed, so that a file may be replaced while the service runs.

// checkCredential says what is wrong with how c shows who it is, naming variables and
// never a value.
func (c Config) checkCredential() error {
	var errs []error
	var ways []string
	if c.NKey != "" {
		ways = append(ways, "REWEAVE_NATS_NKEY")
		errs = append(errs, checkSecret("REWEAVE_NATS_NKEY", c.NKey, checkSeed))
	}
	if c.Creds != "" {
		ways = append(ways, "REWEAVE_NATS_CREDS")
		errs = append(errs, checkSecret("REWEAVE_NATS_CREDS", c.Creds, checkCreds))
	}
	if hasUser(c.URL) {
		ways = append(ways, "a user in REWEAVE_NATS_URL")
	}
	if len(ways) > 1 {
		errs = append(errs, fmt.Errorf("%s: set one of them only", strings.Join(ways, " and ")))
	}
	return errors.Join(errs...)
}

// hasUser reports whether one of the URLs, with commas between, names a user or a token.
func hasUser(urls string) bool {
	for one := range strings.SplitSeq(urls, ",") {
		if u, err := url.Parse(strings.TrimSpace(one)); err == nil && u.User != nil {
			return true
		}
	}
	return false
}

// checkSecret says what is wrong with a file that holds a secret.
func checkSecret(variable, path string, check func(text []byte) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s: no readable file there: %w", variable, reason(err))
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: that is no file", variable)
	}
	// Windows has no such bits.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("%s: every user of this machine may open the file, and it holds a secret (chmod o= FILE; in Kubernetes defaultMode: 0440)", variable)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: no readable file there: %w", variable, reason(err))
	}
	defer clear(text)
	if err := check(text); err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	return nil
}

// reason is err without the path, which the message has no room for.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// checkSeed wants the seed of a user: it begins with SU.
func checkSeed(text []byte) error {
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		if nkeys.IsValidPublicUserKey(string(bytes.TrimSpace(text))) {
			return errors.New("the file holds a public key, which the server gets; the service needs its seed, which begins with SU")
		}
		return errors.New("the file holds no seed of an NKEY, which begins with SU")
	}
	defer pair.Wipe()
	public, err := pair.PublicKey()
	if err != nil || !nkeys.IsValidPublicUserKey(public) {
		return errors.New("the file holds a seed, but not one of a user, which begins with SU")
	}
	return nil
}

// checkCreds wants a JWT and the seed of a user.
func checkCreds(text []byte) error {
	if token, err := nkeys.ParseDecoratedJWT(text); err != nil || strings.Count(token, ".") != 2 || strings.ContainsAny(token, " \n") {
		return errors.New("the file holds no JWT: credentials have the JWT of a user and its seed")
	}
	pair, err := nkeys.ParseDecoratedUserNKey(text)
	if err != nil {
		return errors.New("the file holds no seed of a user beside the JWT")
	}
	pair.Wipe()
	return nil
}

// fromSeed shows the key whose seed is in a file, as the file is when a connection is tried.
func fromSeed(path string) nats.Option {
	return func(o *nats.Options) error {
		key, err := nats.NkeyOptionFromSeed(path)
		if err != nil {
			return fmt.Errorf("read the seed: %w", err)
		}
		return key(o)
	}
}

// keyChange has a client take up the seed anew whenever it reconnects. By itself it would
// sign with the new seed and go on showing the old public key.
type keyChange struct {
	path string
	conn atomic.Pointer[nats.Conn]
}

// choose is called by the client before each attempt, under the lock that guards its
// options; it leaves the choice of the server to it. A seed that can't be read is told by
// the signature that then fails.
func (k *keyChange) choose([]nats.Server, nats.ServerInfo) (*nats.Server, time.Duration) {
	if nc := k.conn.Load(); nc != nil {
		_ = fromSeed(k.path)(&nc.Opts)
	}
	return nil, 0
}

// complaints are what was said of a connection that doesn't come about, each once: a
// service that is shut out goes on trying, some times a second.
type complaints struct {
	mu   sync.Mutex
	last string
}

// news reports whether err differs from the one before.
func (c *complaints) news(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err.Error() == c.last {
		return false
	}
	c.last = err.Error()
	return true
}

func (c *complaints) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = ""
}
