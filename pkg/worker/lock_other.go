//go:build !unix

package worker

import "os"

// lock reports that somebody else has locked the file: what can't be known is not swept.
func lock(*os.File) bool { return false }
