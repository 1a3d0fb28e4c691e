package embed

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/reweave/reweave/pkg/fault"
)

// prepare makes the directories of a stack and returns the absolute path of dir.
func prepare(dir string) (string, error) {
	if dir == "" {
		return "", fault.Userf("bad-data-dir", "", "no directory is given for the data", "name one")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", dir, err)
	}
	for _, d := range []string{abs, filepath.Join(abs, "objects")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return "", dirFault(abs, err)
		}
	}
	if err := checkSpace(abs); err != nil {
		return "", dirFault(abs, err)
	}
	return abs, nil
}

// dirFault says what about the directory the user has to mend. An error that is
// about something else is returned as it is.
func dirFault(dir string, err error) error {
	f := &fault.Error{Class: fault.User, Type: "bad-data-dir", Where: dir, Err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		f.Type, f.Title, f.Hint = "no-space", "no space is left for the data", "free some, or choose another directory"
	case errors.Is(err, syscall.ENOTDIR):
		f.Title, f.Hint = "the data directory is not a directory", "choose another one"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		f.Title, f.Hint = "the data directory is not writable", "choose one that this user may write to"
	default:
		return err
	}
	return f
}

// credentials are the keys of the S3 server.
type credentials struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// loadCredentials reads the credentials, or makes them when there are none.
func loadCredentials(file string) (credentials, error) {
	var c credentials
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		c = credentials{AccessKey: "RW" + rand.Text()[:16], SecretKey: rand.Text() + rand.Text()}
		return c, writeJSON(file, c)
	}
	if err != nil {
		return c, fmt.Errorf("read credentials: %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil || c.AccessKey == "" || c.SecretKey == "" {
		return c, fault.Userf("bad-data-dir", file, "the file holds no credentials", "delete it, and new ones will be made")
	}
	return c, nil
}

// writeJSON writes v to a file that only this user can read, whole or not at all.
func writeJSON(file string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", file, err)
	}
	return writeSecret(file, append(data, '\n'))
}

// writeSecret writes a file that only this user can read, whole or not at all.
func writeSecret(file string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the first error counts
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
