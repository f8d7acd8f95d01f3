# The image of the sensor. Its last stage is the definition that `make image` reads too (deploy/image), which needs no Docker
# daemon and no registry. So it is built on nothing: what distroless/static would give is the certificates and the accounts,
# and there is no shell for an intruder either way.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETARCH
ARG VERSION=dev
RUN CGO_ENABLED=0 GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o bin/sensor-$TARGETARCH ./cmd/sensor

FROM scratch
ARG TARGETARCH
ARG VERSION=dev
COPY --from=build /src/bin/sensor-$TARGETARCH /usr/bin/sensor
COPY --from=build /src/rules/default_rules.yaml /usr/share/saker/default_rules.yaml
# Where Falco's configurations look for them.
COPY --from=build /src/rules/default_rules.yaml /etc/falco/falco_rules.yaml
COPY --from=build /src/deploy/image/passwd /etc/passwd
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
LABEL org.opencontainers.image.title="Saker"
LABEL org.opencontainers.image.description="Runtime security for Linux hosts and Kubernetes nodes, by Falco rules"
LABEL org.opencontainers.image.source="https://github.com/saker-sensor/saker"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.version="$VERSION"
ENV PATH="/usr/bin"
# Where Falco's image has the host's files, too. What is not mounted there is found through the host's first process.
ENV HOST_ROOT="/host"
# Root, because a container runtime gives added capabilities to no other user: it sets no ambient ones. What root may do here
# is what deploy/daemonset.yaml leaves it, four capabilities.
USER 0:0
ENTRYPOINT ["/usr/bin/sensor"]
