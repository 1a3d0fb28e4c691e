package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/store"
)

// ErrUnknown says that no manifest of a deliverable is in the store.
var ErrUnknown = errors.New("no such deliverable was made here")

// pin is what is stored of a pinned deliverable: it names the chunks itself, so that it
// keeps them whatever becomes of the manifest.
type pin struct {
	Version int      `json:"version"`
	Keys    []string `json:"keys"`
}

// Pin keeps the chunks of the deliverable with a digest, and tells of it: what it says is
// stored stays. [ErrUnknown] where none was made here.
func (k *Keeper) Pin(ctx context.Context, sum string) (Deliverable, error) {
	d, err := k.find(ctx, sum)
	if err != nil {
		return d, err
	}
	b, err := json.Marshal(pin{Version: 1, Keys: d.Keys})
	if err != nil {
		return d, fmt.Errorf("encode pin: %w", err)
	}
	digest := sha256.Sum256(b)
	meta := map[string]string{"sha256": hex.EncodeToString(digest[:])}
	if err := k.store.Put(ctx, store.PinKey(sum), bytes.NewReader(b), int64(len(b)), meta); err != nil {
		return d, fmt.Errorf("store pin: %w", err)
	}
	// As a job does: say it, wait for what is going on, and look.
	if err := k.wait.without(ctx, d.Keys); err != nil {
		return d, err
	}
	return k.find(ctx, sum)
}

// Unpin lets the chunks of a deliverable go, and reports whether it was pinned.
func (k *Keeper) Unpin(ctx context.Context, sum string) (bool, error) {
	if _, err := k.store.Stat(ctx, store.PinKey(sum)); errors.Is(err, store.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("look for pin: %w", err)
	}
	return true, k.store.Delete(ctx, store.PinKey(sum))
}

func (k *Keeper) find(ctx context.Context, sum string) (Deliverable, error) {
	c, err := Scan(ctx, k.store)
	if err != nil {
		return Deliverable{}, err
	}
	var found *Deliverable
	for _, d := range c.Deliverables {
		switch {
		case d.SHA256 != sum:
		case found == nil:
			found = &d
		default: // made by several tenants, perhaps of chunks with other keys
			found.Keys = append(found.Keys, d.Keys...)
		}
	}
	if found == nil {
		return Deliverable{}, ErrUnknown
	}
	return *found, nil
}

// pins returns the digests of the pinned deliverables, and the keys of their chunks.
func pins(ctx context.Context, st store.Store) (sums, keys map[string]bool, err error) {
	sums, keys = map[string]bool{}, map[string]bool{}
	for info, err := range st.List(ctx, store.PinKey("")) {
		if err != nil {
			return nil, nil, fmt.Errorf("list pins: %w", err)
		}
		sum := strings.TrimPrefix(info.Key, store.PinKey(""))
		p, err := readPin(ctx, st, info.Key)
		if errors.Is(err, store.ErrNotFound) { // unpinned meanwhile
			continue
		} else if err != nil {
			return nil, nil, err
		}
		sums[sum] = true
		for _, key := range p.Keys {
			keys[key] = true
		}
	}
	return sums, keys, nil
}

// readPin reads a pin. Of one that is damaged it is not known what it keeps, so nothing may
// be evicted beside it.
func readPin(ctx context.Context, st store.Store, key string) (p pin, err error) {
	r, info, err := st.Get(ctx, key)
	if err != nil {
		return p, fmt.Errorf("read pin: %w", err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return p, fmt.Errorf("read pin: %w", err)
	}
	digest := sha256.Sum256(b)
	if hex.EncodeToString(digest[:]) != info.Meta["sha256"] || json.Unmarshal(b, &p) != nil || p.Version != 1 {
		return p, &fault.Error{
			Class: fault.Permanent, Type: "damaged-pin", Where: key, Title: "the pin is damaged, so nobody knows which chunks it keeps, and nothing is evicted",
			Hint: "unpin that deliverable and pin it again",
		}
	}
	return p, nil
}
