// Command api runs the api service.
package main

import (
	"github.com/reweave/reweave/pkg/boot"
	"github.com/reweave/reweave/services/api"
)

func main() { boot.Main("api", api.Run) }
