package embed

import (
	"os"
	"path/filepath"
)

// Object reads an object of a small size as it lies in a data directory, whether a server
// has the directory or not. It tells what there was when it was looked at, and no more.
func Object(dir, key string) ([]byte, error) {
	return os.ReadFile(filepath.Join(dir, "objects", bucket, filepath.FromSlash(key)))
}
