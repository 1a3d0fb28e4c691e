// Command muxer runs the muxer service.
package main

import (
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/services/muxer"
)

func main() { boot.Main("muxer", muxer.Run) }
