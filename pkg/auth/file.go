package auth

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/reweave/reweave/pkg/quota"
)

// known is an entry as it is compared.
type known struct {
	sum [sha256.Size]byte
	who Principal
}

// content is what a file says.
type content struct {
	tokens []known
	// limits are the objects of [LimitsEntry], by tenant.
	limits map[string]json.RawMessage
}

// File is a file of tokens that is read again whenever it changes. It is safe for
// concurrent use.
type File struct {
	path string
	// failed is told of a file that can't be used any more; those tokens that it held
	// before go on counting until it can be read again.
	failed func(error)

	mu  sync.Mutex
	as  os.FileInfo
	now content
}

// Open reads a file of tokens. failed is called, once for each change of the file,
// when it can't be read later on.
func Open(path string, failed func(error)) (*File, error) {
	f := &File{path: path, failed: failed}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	if f.now, err = load(path); err != nil {
		return nil, err
	}
	f.as = info
	return f, nil
}

// Find returns who shows a token. Its time does not depend on how much of the token is
// right, nor on whose it is.
func (f *File) Find(token string) (Principal, bool) {
	sum := sha256.Sum256([]byte(token))
	var who Principal
	found := false
	for _, k := range f.current().tokens {
		if subtle.ConstantTimeCompare(sum[:], k.sum[:]) == 1 {
			who, found = k.who, true
		}
	}
	return who, found
}

// Limits returns what a tenant may have: otherwise, and what the file says of it instead.
func (f *File) Limits(tenant string, otherwise quota.Limits) quota.Limits {
	if said, found := f.current().limits[tenant]; found {
		_ = decodeLimits(said, &otherwise) // it was tried when the file was read
	}
	return otherwise
}

// current returns what the file says, from the file when it has changed.
func (f *File) current() content {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	switch {
	case err != nil:
		if f.as != nil { // told once; it counts as changed when it is back
			f.as = nil
			f.failed(fmt.Errorf("read tokens: %w", err))
		}
	case !same(f.as, info):
		f.as = info
		if now, err := load(f.path); err != nil {
			f.failed(err)
		} else {
			f.now = now
		}
	}
	return f.now
}

func same(a, b os.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// load reads the entries of a file.
func load(path string) (all content, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return all, fmt.Errorf("read tokens: %w", err)
	}
	all.limits = map[string]json.RawMessage{}
	var errs []error
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := all.add(line); err != nil {
			errs = append(errs, fmt.Errorf("read tokens, line %d: %w", n, err))
		}
	}
	return all, errors.Join(append(errs, lines.Err())...)
}

// add reads one line: a token, or the limits of a tenant.
func (c *content) add(line string) error {
	if l, ok := parseLimits(line); ok {
		if _, twice := c.limits[l.Tenant]; twice {
			return fmt.Errorf("the limits of tenant %s stand there twice", l.Tenant)
		}
		c.limits[l.Tenant] = l.Limits
		return l.check()
	}
	k, err := parse(line)
	c.tokens = append(c.tokens, k)
	return err
}

// parse reads one line. Its errors tell nothing of the line that could be secret.
func parse(line string) (k known, err error) {
	var e Entry
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	if dec.Decode(&e) != nil || dec.More() {
		return k, errors.New(`want one object such as {"name":"ci","tenant":"acme","scopes":["submit"],"sha256":"…"}`)
	}
	if err := e.check(); err != nil {
		return k, err
	}
	sum, err := hex.DecodeString(e.SHA256)
	copy(k.sum[:], sum)
	k.who = Principal{Name: e.Name, Tenant: e.Tenant, Scopes: e.Scopes}
	return k, err
}
