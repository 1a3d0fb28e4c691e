module github.com/reweave/reweave/internal/e2e

go 1.26.0

require (
	github.com/oklog/ulid/v2 v2.1.2
	github.com/reweave/reweave/internal v0.0.0
	github.com/reweave/reweave/pkg v0.0.0
	github.com/reweave/reweave/services/encoder v0.0.0
	github.com/reweave/reweave/services/muxer v0.0.0
	github.com/reweave/reweave/services/splitter v0.0.0
)

require github.com/reweave/reweave/services/api v0.0.0 // indirect

replace (
	github.com/reweave/reweave/internal => ../
	github.com/reweave/reweave/pkg => ../../pkg
	github.com/reweave/reweave/services/api => ../../services/api
	github.com/reweave/reweave/services/encoder => ../../services/encoder
	github.com/reweave/reweave/services/muxer => ../../services/muxer
	github.com/reweave/reweave/services/splitter => ../../services/splitter
)
