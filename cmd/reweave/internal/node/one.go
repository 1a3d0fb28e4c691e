package node

import (
	"io"
	"net"

	"github.com/reweave/reweave/pkg/job"
)

// ForOne sets c up for a node that does one job for the user who runs it: its api
// answers on l and reads that user's files, its encoder runs as many tasks at once
// as workers says (0 for one per core), and looks only into the codecs that spec
// asks for. stdin, which may be nil, is what the source [job.StdinSource] stands for.
func (c *Configs) ForOne(l net.Listener, workers int, spec job.Spec, stdin io.Reader) {
	c.API.Listener = l
	c.ReadFiles()
	c.Encoder.Slots = workers
	c.Encoder.Codecs = []string{spec.Video.Codec}
	if spec.Audio != "copy" && spec.Audio != "none" {
		c.Encoder.Codecs = append(c.Encoder.Codecs, spec.Audio)
	}
	c.Splitter.Stdin = stdin
}

// ReadFiles lets jobs name files of this machine as their sources.
func (c *Configs) ReadFiles() { c.API.LocalPaths, c.Splitter.LocalPaths = true, true }
