// Command splitter runs the splitter service.
package main

import (
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/services/splitter"
)

func main() { boot.Main("splitter", splitter.Run) }
