module github.com/reweave/reweave/services/api

go 1.26.0

require (
	github.com/danielgtaylor/huma/v2 v2.37.2
	github.com/oklog/ulid/v2 v2.1.2
	github.com/prometheus/client_golang v1.25.0
	github.com/reweave/reweave/pkg v0.0.0
	go.uber.org/zap v1.28.0
)

require (
	go.uber.org/multierr v1.11.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/reweave/reweave/pkg => ../../pkg
