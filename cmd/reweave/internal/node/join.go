package node

import (
	"fmt"
	"os"
	"path/filepath"
)

// WriteJoin writes the settings by which services in other processes use this node's
// servers, to a file in the data directory that only this user can read, and returns
// its path. It returns "" where the servers are closed to others.
func (n *Node) WriteJoin() (string, error) {
	if n.stack == nil || n.stack.NATSURL() == "" {
		return "", nil
	}
	s3 := n.stack.S3()
	text := fmt.Sprintf("REWEAVE_NATS_URL=%s\nREWEAVE_NATS_NKEY=%s\nREWEAVE_S3_ENDPOINT=%s\nREWEAVE_S3_ACCESS_KEY=%s\nREWEAVE_S3_SECRET_KEY=%s\nREWEAVE_S3_BUCKET=%s\n",
		n.stack.NATSURL(), n.stack.NATSSeed(), s3.Endpoint, s3.AccessKey, s3.SecretKey, s3.Bucket)
	path := filepath.Join(n.o.Dir, "join.env")
	_ = os.Remove(path) // an old one may have been made readable to others
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write the settings for others to join: %w", err)
	}
	n.onClose(func() error { return os.Remove(path) })
	return path, nil
}
