// Command encoder runs the encoder service.
package main

import (
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/services/encoder"
)

func main() { boot.Main("encoder", encoder.Run) }
