module github.com/reweave/reweave/services/muxer

go 1.26.0

require github.com/reweave/reweave/pkg v0.0.0

replace github.com/reweave/reweave/pkg => ../../pkg
