# One image for both services: `p2pd` and `gateway`.

FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src

# The tools that build are no part of what runs. Only sdists of pure Python are
# among the wheels that are made here: there is no compiler.
COPY requirements ./requirements
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install -q --require-hashes --no-deps -r requirements/build.txt
RUN /opt/build/bin/pip wheel -q --require-hashes --no-deps --no-build-isolation \
      -w /wheels -r requirements/run.txt

COPY . .
RUN PATH=/opt/build/bin:$PATH \
    /opt/build/bin/pip wheel -q --no-deps --no-build-isolation -w /wheels .
RUN python -m venv --without-pip /opt/wsp \
 && /opt/build/bin/pip --python /opt/wsp/bin/python install -q --no-index --no-deps --no-compile /wheels/*.whl \
 && /opt/wsp/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/wsp/lib

FROM python:3.12-slim
ENV PATH=/opt/wsp/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 P2PD_DATA_DIR=/data
# New volumes take the owner and mode of the directory they are mounted on.
RUN install -d -o 10001 -g 10001 -m 0700 /data /run/wsp
COPY --from=build /opt/wsp /opt/wsp
USER 10001:10001
WORKDIR /data
EXPOSE 4001/tcp 4001/udp 4002/tcp
STOPSIGNAL SIGTERM
CMD ["p2pd"]
