// Package deploytest checks what lies under deploy and the Dockerfiles, without a daemon
// and without a cluster: everything is parsed by the code that will parse it for real
// (kustomize, client-go, compose-go, BuildKit, nats-server), with unknown fields as errors,
// and then held against the rules of this repository.
//
// A rule is a function that returns what is wrong. The tests run each one twice: on the
// files as they are, where it must find nothing, and on a damaged copy, where it must find
// the damage.
//
// The module is apart from the others because of what it depends on.
package deploytest

import (
	"fmt"
	"os"
	"path/filepath"
)

// Root returns the repository's root directory, found from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "deploy", "docker-compose.yml")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("find repository: no deploy/docker-compose.yml above the working directory")
		}
		dir = up
	}
}
