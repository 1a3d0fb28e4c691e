package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrDigest says that an object holds something else than what was stored.
var ErrDigest = errors.New("the content is not what was stored")

// Fetch copies an object into the file at path and checks its SHA-256, in hexadecimal.
// It returns an error that is [ErrNotFound] or [ErrDigest] when the object is gone or
// damaged.
func Fetch(ctx context.Context, st Store, key, sum, path string) error {
	r, _, err := st.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", key, err)
	}
	defer r.Close()
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", key, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, h), r); err != nil {
		return fmt.Errorf("fetch %s: %w", key, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("fetch %s: %w: its SHA-256 is %s", key, ErrDigest, got)
	}
	return f.Close()
}

// Read returns the content of a small object, and checks its SHA-256, in hexadecimal. It
// returns an error that is [ErrNotFound] or [ErrDigest] when the object is gone or damaged.
func Read(ctx context.Context, st Store, key, sum string) ([]byte, error) {
	r, _, err := st.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != sum {
		return nil, fmt.Errorf("read %s: %w: its SHA-256 is %x", key, ErrDigest, got)
	}
	return b, nil
}

// Digest returns the SHA-256, in hexadecimal, and the length of what r holds from where
// it stands, and leaves it there.
func Digest(r io.ReadSeeker) (sum string, size int64, err error) {
	at, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", 0, err
	}
	h := sha256.New()
	if size, err = io.Copy(h, r); err == nil {
		_, err = r.Seek(at, io.SeekStart)
	}
	return hex.EncodeToString(h.Sum(nil)), size, err
}
