# The image of the service: `docker build -t snapjail .`, `docker run --rm -p 8080:8080 snapjail`.
# No flag is needed; docs/docker.md says which flag buys which wall. Nothing in here names an
# architecture.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY tools/install-dependencies tools/
RUN tools/install-dependencies serve && rm -rf /var/lib/apt/lists/*
COPY requirements.txt tools/make-venv /tmp/
# As the system does, trust what it trusts: a company's proxy, say.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
RUN mkdir -p /opt/snapjail && /tmp/make-venv /opt/snapjail/venv /tmp/requirements.txt \
    && find /opt/snapjail/venv -depth -type d \( -name tests -o -name __pycache__ \) \
        -exec rm -rf {} + \
    && rm -rf /opt/snapjail/venv/lib/python3*/site-packages/pip*
# What the program is built from and no more: a changed page or test compiles nothing anew.
COPY CMakeLists.txt CMakePresets.json ./
COPY tools/build-preset tools/trace_syscalls.cc tools/
COPY cmake cmake
COPY config config
COPY src src
RUN tools/build-preset release snapjail \
    && install -D -t /out/usr/local/bin build/release/snapjail \
    && install -D -m 644 -t /out/usr/local/lib/snapjail build/release/lib/snapjail/* \
    && strip /out/usr/local/bin/snapjail /out/usr/local/lib/snapjail/*.so \
    && install -D -m 644 -t /out/etc/snapjail config/python.cfg

# All that will be there, made in one place: the last stage copies it as one layer, in which the
# slots' roots are hard links. Links to files of another layer would be copies.
FROM debian:bookworm-slim AS root
# One root for each slot where a container allows no namespaces; more slots need more.
ARG ROOTS=16
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 ca-certificates libcap2-bin \
        'libboost-json[0-9.]*' libseccomp2 'libspdlog[0-9.]*' 'libprotobuf[0-9]*' \
    && apt-get purge -y 'libboost*-dev' && apt-get autoremove -y \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc /usr/share/man \
        /usr/share/locale /root/.bash_history \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY --from=build /opt/snapjail /opt/snapjail
COPY --from=build /out /
RUN PYTHON_BIN=/opt/snapjail/venv/bin/python snapjail make-roots --count="$ROOTS"
# What tier process takes, for `docker run --user`: permitted and not effective, so that the program
# starts where a container grants nothing, too. docs/adr/009 says who gains what by it.
RUN setcap cap_chown,cap_kill,cap_setgid,cap_setuid,cap_setpcap,cap_sys_chroot+p \
        /usr/local/bin/snapjail \
    && dpkg --purge libcap2-bin

FROM scratch
COPY --from=root / /
# Where a builder's COPY has made plain files of the roots' devices (BuildKit of Docker 20.10 does):
# who serves may not be allowed to mend it.
RUN for root in /var/lib/snapjail/roots/[0-9]*; do \
        for device in null:3 zero:5 full:7 random:8 urandom:9; do \
            node="$root/dev/${device%:*}"; \
            [ -c "$node" ] || { rm -f "$node" && mknod -m 666 "$node" c 1 "${device#*:}"; } || exit 1; \
        done; \
    done
# docker build --build-arg REVISION="$(git rev-parse HEAD)"
ARG REVISION=""
LABEL org.opencontainers.image.title="snapjail" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.description="Runs untrusted Python, each script in a jail of its own" \
    org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/usr/local/bin:/usr/bin:/bin \
    PYTHON_BIN=/opt/snapjail/venv/bin/python \
    SNAPJAIL_HOST=0.0.0.0 \
    PORT=8080
EXPOSE 8080
# As the service reads them: a variable that is empty is not set. Not urllib, which would ask the
# proxy of the container's http_proxy.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/usr/bin/python3", "-I", "-c", \
    "import http.client, os, sys; \
    host = os.environ.get('SNAPJAIL_HOST') or '127.0.0.1'; \
    host = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host); \
    port = int(os.environ.get('PORT') or 8080); \
    service = http.client.HTTPConnection(host, port, timeout=4); \
    service.request('GET', '/ready'); \
    sys.exit(service.getresponse().status != 200)"]
ENTRYPOINT ["snapjail"]
CMD ["serve"]
