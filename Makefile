# One command for each thing one does here; everything works as root, without a terminal, twice in a row.
PYTHON := .venv/bin/python

.PHONY: bench-setup setup demo test check sim crash chaos why mutants wire lock cases transcripts proof handover outgrow wheel bench bench-core bench-network bench-probes bench-names bench-listening names soak shape backup-test deploy-test bench-deploy atomic undo

# ENGINE=trixie, with any of these: the Docker Engine of that Debian release in the place of this machine's;
# ENGINE="forky containerd": the same with its images in containerd's store
ifdef ENGINE
engine := $(shell bash scripts/engine $(ENGINE))
$(if $(engine),,$(error there is no engine of $(ENGINE)))
export PATH := $(engine):$(PATH)
endif

setup:
	@bash scripts/setup

demo: setup
	@$(PYTHON) -m demo

# KERNEL=5.10.0-99-other: for tests and engines, the kernel has that version
test: setup
	@$(if $(KERNEL),$(PYTHON) -m tests.support.kernel $(KERNEL)) $(PYTHON) -m pytest --numprocesses 2 --dist loadfile $(TESTS)

# random users and faults on virtual time; make sim SEED=123 tells the story of one seed
sim: setup
	@$(PYTHON) -m tests.sim.run $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),100))

# every input that skerry once got wrong, malformed requests, spellings of a path, faults under load: side by side.
# Some of the inputs: .venv/bin/python -m tests.cases.inputs -k C1; some of the faults: … -m tests.cases.faults --only gate
cases: setup
	@$(PYTHON) -m tests.cases

# skerryd killed before and after each thing that it does, through the whole life of a stack; make crash LIVES=3
crash: setup
	@$(PYTHON) -m tests.crash --lives $(or $(LIVES),0)

# backups under load, each restored on an empty machine and compared; make backup-test ROUNDS=1
backup-test: setup
	@$(PYTHON) -m tests.backup --rounds $(or $(ROUNDS),4)

# some forty ways of failing, made for real: the first sentence of `skerry why` has to name the cause of each.
# Some of them: make why WAYS="port,memory"
why: setup
	@$(PYTHON) -m tests.why --only "$(WAYS)"

# faults by chance under load, while services are updated: nothing is lost, nothing is left; make chaos MINUTES=2 SEED=7
chaos: setup
	@$(PYTHON) -m tests.chaos --minutes $(or $(MINUTES),15) $(if $(SEED),--seed $(SEED))

# thirty releases of a stack under load, each with one service broken: each must end in exactly the release
# before; make atomic RELEASES=6 FIRST=12 plays some of them
atomic: setup
	@$(PYTHON) -m tests.atomic --releases $(or $(RELEASES),30) --first $(or $(FIRST),0)

# a hundred tasks in use: memory, descriptors, threads, rows, database, logs, the kernel's tables must be flat; an hour.
# make soak PLOT=docs/soak.svg draws it
soak: setup
	@$(PYTHON) -m tests.soak --minutes $(or $(MINUTES),60) $(if $(PLOT),--plot $(PLOT))

# every deliberate fault in the core must be noticed; make mutants SAMPLE=10 tries ten
mutants: setup
	@$(PYTHON) -m tests.mutants.run --sample $(or $(SAMPLE),0)

# a stack moves to a real Swarm cluster of three nodes, made and removed here; SHORT=1 for the short form
outgrow: setup
	@$(PYTHON) -m tests.outgrow $(if $(SHORT),--short)

# beside a genuine Docker Swarm, in turn: some 40 minutes. A run that was cut: make bench RESUME=1.
# make bench ONLY="crash scale" measures these again and keeps the rest. With ENGINE=…, a page of its own.
RESULTS := .cache/bench$(addprefix -,$(ENGINE)).json
PAGE := docs/performance$(if $(ENGINE),-newer).md
bench: bench-setup
	@$(PYTHON) -m bench.peer --rounds $(or $(ROUNDS),5) --results $(RESULTS) --page $(PAGE) \
	  $(if $(ENGINE),--about bench/peer/newer.md) $(if $(ONLY),--only "$(ONLY)") $(if $(RESUME),--resume)

bench-setup:
	@bash scripts/setup bench

bench-core: setup
	@$(PYTHON) -m bench.core

bench-network: bench-setup
	@$(PYTHON) -m bench.network
	@$(PYTHON) -m bench.gone

bench-probes: setup
	@$(PYTHON) -m bench.probes

bench-listening: setup
	@$(PYTHON) -m bench.listening

# 100 services deployed the first time, beside what a bare engine takes for the same containers; and once more
bench-deploy: setup
	@$(PYTHON) -m bench.deploy --rounds $(or $(ROUNDS),5)

bench-names: setup
	@$(PYTHON) -m bench.names

# every client while everything is rolled and broken: writes docs/proof.md; make proof PROOF="--only 'task crash'"
proof: setup
	@$(PYTHON) -m proof $(or $(PROOF),--report docs/proof.md)

# skerryd killed for a minute under load, then both processes upgraded; make handover SECONDS=10
handover: setup
	@$(PYTHON) -m proof.handover --seconds $(or $(SECONDS),60)

# the package, to be installed by pipx on machines without a checkout
wheel: setup
	@rm -rf dist
	@$(PYTHON) -m pip --quiet --disable-pip-version-check wheel --no-deps --no-build-isolation --wheel-dir dist .
	@cp requirements.txt dist
	@bash scripts/release bill dist/skerry.cdx.json
	@ls dist/*.whl

# requirements*.txt afresh from pyproject.toml: every dependency, and what it depends on, with the hashes of its files
lock: setup
	@bash scripts/release lock

# the code's figures beside kopf's and starlette's; make shape NAMES=1 names the places behind them
shape: setup
	@$(PYTHON) -m bench.shape $(if $(NAMES),--names)

# fifty releases under one tag, pruned in between, ten of them restored and compared; make undo RELEASES=20 SEED=7
undo: setup
	@$(PYTHON) -m tests.undo --releases $(or $(RELEASES),50) $(if $(SEED),--seed $(SEED))

# every file of tests/deploy/files under docker compose up and under skerry deploy, compared; make deploy-test FILES=networks
deploy-test: setup
	@$(PYTHON) -m tests.deploy $(if $(SHORT),--short) $(FILES)

check: setup
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

# Records afresh what a genuine Swarm answers, in the folder of its engine's API version. With ENGINE=forky: that one's.
transcripts: setup
	@$(PYTHON) -m tests.transcripts

# Hundreds of questions by five resolvers, beside what a genuine Swarm answered; make names STACKS="plain aliases".
# A question more? python -m tests.names.record asks a genuine one.
names: setup
	@$(PYTHON) -m tests.names $(STACKS)

# The wire as a whole: transcripts, the SDK, bad input. FUZZ=N for fewer or more requests.
wire: setup
	@$(PYTHON) -W ignore -m tests.wire --fuzz $(or $(FUZZ),20000)
