module github.com/reweave/reweave/internal/bench

go 1.26.0

require (
	github.com/reweave/reweave/internal v0.0.0
	github.com/reweave/reweave/pkg v0.0.0
	github.com/reweave/reweave/services/encoder v0.0.0
	github.com/reweave/reweave/services/muxer v0.0.0
	github.com/reweave/reweave/services/splitter v0.0.0
)

replace (
	github.com/reweave/reweave/internal => ../
	github.com/reweave/reweave/pkg => ../../pkg
	github.com/reweave/reweave/services/encoder => ../../services/encoder
	github.com/reweave/reweave/services/muxer => ../../services/muxer
	github.com/reweave/reweave/services/splitter => ../../services/splitter
)
