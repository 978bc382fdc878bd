"""The command line: `serve`, `chat`, `usage`, `budgets`, `ledger`, and what checks and simulates.

Each command imports what it needs, so that `hexgate version` answers at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import hexgate
from hexgate.entrypoints.recovery import options as books
from hexgate.entrypoints.reports import options

if TYPE_CHECKING:
    from hexgate.adapters.simulator import Simulator
    from hexgate.entrypoints.settings import Settings

# As a shell has it of a program that a closed pipe ended: 128 and SIGPIPE.
CLOSED_PIPE = 141

app = typer.Typer(
    name="hexgate",
    help="One typed gRPC API in front of every LLM provider.",
    no_args_is_help=True,
    add_completion=False,
    # Locals hold prompts and keys.
    pretty_exceptions_enable=False,
)
ledger = typer.Typer(
    help="Check the ledger, compare it with a provider's own figures, migrate it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(ledger, name="ledger")

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="YAML file; without it, environment variables alone."),
]


@app.command()
def serve(
    config: ConfigFile = None,
    listen: Annotated[
        str | None, typer.Option(help="host:port of the public services; port 0 is any.")
    ] = None,
    admin_listen: Annotated[
        str | None, typer.Option(help="host:port of the admin services; port 0 is any.")
    ] = None,
) -> None:
    """Run the gateway until SIGTERM or SIGINT.

    Without a configuration it uses the vendors whose usual variables are set, such as
    OPENAI_API_KEY, and a reachable Ollama; where there is none, the provider `sim`, which needs no
    key.
    """
    from hexgate.entrypoints import logs
    from hexgate.entrypoints.config.errors import ConfigError
    from hexgate.entrypoints.config.load import load
    from hexgate.entrypoints.resources import CannotStart
    from hexgate.entrypoints.server import Gateway, serve

    environ = dict(os.environ)
    if listen:
        environ["HEXGATE_LISTEN"] = listen
    if admin_listen:
        environ["HEXGATE_ADMIN_LISTEN"] = admin_listen
    try:
        settings = load(config, environ, notice=_note)
    except ConfigError as error:
        _fail(str(error))
    logs.configure(settings.log.level, as_json=settings.log.as_json)

    def ready(gateway: Gateway) -> None:
        typer.echo(f"hexgate ready: public {gateway.address} admin {gateway.admin_address}")
        sys.stdout.flush()

    try:
        _run(serve(settings, ready))
    except CannotStart as error:
        _fail(str(error))


@app.command()
def simulate(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 is any.")] = 8100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same answers.")] = 0,
    pace_ms: Annotated[float, typer.Option(help="Milliseconds between pieces of text.")] = 20.0,
    fault_rate: Annotated[float, typer.Option(help="Share of requests that fail, 0 to 1.")] = 0.0,
    vertex_grpc_port: Annotated[
        int | None,
        typer.Option(help="Port of Vertex AI's gRPC API as well; needs hexgate[vertex-sdk]."),
    ] = None,
) -> None:
    """Run the provider simulator: it speaks as every vendor does, all on one port."""
    from hexgate.adapters.simulator import Simulator

    async def run() -> None:
        simulator = Simulator(
            seed=seed, host=host, port=port, pace_s=pace_ms / 1000, fault_rate=fault_rate
        )
        async with simulator, AsyncExitStack() as stack:
            urls = simulator.urls
            if vertex_grpc_port is not None:
                urls["vertex-grpc"] = await _vertex_grpc(simulator, host, vertex_grpc_port, stack)
            for kind, url in urls.items():
                typer.echo(f"{kind:<11} {url}")
            sys.stdout.flush()
            await _until_signal()

    _run(run())


async def _vertex_grpc(simulator: Simulator, host: str, port: int, stack: AsyncExitStack) -> str:
    try:
        from hexgate.adapters.simulator.vertex_grpc import VertexGrpc
    except ImportError as missing:
        _fail(f"--vertex-grpc-port needs {missing.name}; install hexgate[vertex-sdk]")
    return (await stack.enter_async_context(VertexGrpc(simulator, host=host, port=port))).url


@app.command()
def chat(
    model: Annotated[str, typer.Argument(help="An alias or provider/model.")],
    prompt: Annotated[str, typer.Argument(help="What to say; standard input when left out.")] = "",
    address: Annotated[str, typer.Option(help="host:port of the gateway.")] = "127.0.0.1:50051",
    system: Annotated[str, typer.Option(help="Instructions to the model.")] = "",
    max_tokens: Annotated[int, typer.Option(help="Longest answer; 0 is the default.")] = 0,
    unary: Annotated[bool, typer.Option("--unary", help="Wait for the whole answer.")] = False,
    timeout_s: Annotated[float, typer.Option(help="Give up after so many seconds.")] = 120.0,
) -> None:
    """Ask a model through the gateway; shows tokens and cost on standard error."""
    from hexgate.entrypoints.chat import Question, ask

    text = prompt or sys.stdin.read()
    question = Question(model, text, system, max_tokens, timeout_s)
    problem = _run(ask(address, question, unary=unary))
    if problem:
        _fail(problem)


@app.command()
def usage(
    measure: options.Measured = "cost",
    since: options.Since = "24h",
    until: options.Until = "",
    by: options.By = None,
    provider: options.Provider = "",
    model: options.Model = "",
    session: options.Session = "",
    user: options.User = "",
    agent: options.Agent = "",
    key: options.Key = "",
    label: options.Label = None,
    plot: options.Plot = False,
    records: options.Records = False,
    form: options.Format = None,
    output: options.Output = None,
    top: options.Top = 50,
    address: options.Address = "127.0.0.1:50051",
    timeout_s: options.Timeout = 600.0,
) -> None:
    """Show what was used and what it cost, from the ledger of a running gateway."""
    from hexgate.entrypoints.reports import show
    from hexgate.entrypoints.reports.asking import Wish, dimensions

    labels, names = tuple(label or ()), dimensions(by or ())
    wish = Wish(
        since=since,
        until=until,
        provider=provider,
        model=model,
        session=session,
        user=user,
        agent=agent,
        key=key,
        labels=labels,
    )
    manner = show.Manner(
        by=names, measure=measure, plot=plot, records=records, form=form, output=output, top=top
    )
    _print(show.usage(address, wish, manner, now=time.time(), timeout_s=timeout_s))


@app.command()
def budgets(
    address: options.Address = "127.0.0.1:50051", timeout_s: options.Timeout = 60.0
) -> None:
    """Show every budget of a running gateway, and what is left of it."""
    from hexgate.entrypoints.reports import show

    _print(show.budgets(address, timeout_s))


@ledger.command()
def verify(config: ConfigFile = None, as_json: books.AsJson = False) -> None:
    """Check that the ledger adds up: sums against rows, holds and spending against accounts.

    It only reads, also beside a running gateway. Exits with 1 when something does not add up.
    """
    from hexgate.entrypoints.recovery.verify import verify

    _judge(verify(_settings(config).ledger, time.time(), as_json=as_json))


@ledger.command()
def reconcile(
    file: books.File,
    config: ConfigFile = None,
    provider: books.Provider = "",
    since: books.Since = "",
    until: books.Until = "",
    tolerance: books.Tolerance = "0.5%",
    form: options.Format = None,
    output: books.Output = None,
) -> None:
    """Compare the ledger with a provider's usage export, by day (UTC) and model.

    It only reads, also beside a running gateway. Exits with 1 when figures differ by more than is
    tolerated, or single requests do not match.
    """
    from hexgate.entrypoints.recovery.differences import Manner
    from hexgate.entrypoints.recovery.reconcile import Wish, reconcile

    wish = Wish(file=file, provider=provider, since=since, until=until, tolerance=tolerance)
    manner = Manner(form=form, output=output)
    _judge(reconcile(_settings(config).ledger, wish, manner, _note, time.time()))


@ledger.command()
def migrate(config: ConfigFile = None) -> None:
    """Lead the configured PostgreSQL ledger to the newest schema."""
    from hexgate.entrypoints.recovery.migrate import migrate
    from hexgate.entrypoints.recovery.opening import CannotTell

    try:
        typer.echo(_run(migrate(_settings(config).ledger)))
    except CannotTell as error:
        _fail(str(error))


@app.command("check-config")
def check_config(
    file: Annotated[Path, typer.Argument(help="The YAML file to check.")],
) -> None:
    """Check a configuration file whole and say what it would do. Secrets are never shown."""
    from hexgate.entrypoints.config.describe import describe
    from hexgate.entrypoints.config.errors import ConfigError
    from hexgate.entrypoints.config.load import load

    try:
        settings = load(file, os.environ, notice=_note)
    except ConfigError as error:
        _fail(str(error))
    for line in describe(settings):
        typer.echo(line)


@app.command("check-providers")
def check_providers(config: ConfigFile = None) -> None:
    """Ask every configured provider whether it accepts its key; exits with 1 when one does not.

    Nothing is generated, so nothing is billed.
    """
    from hexgate.entrypoints import logs
    from hexgate.entrypoints.checks import check_all
    from hexgate.entrypoints.config.errors import ConfigError
    from hexgate.entrypoints.config.load import load
    from hexgate.entrypoints.resources import CannotStart

    try:
        settings = load(config, os.environ, notice=_note)
    except ConfigError as error:
        _fail(str(error))
    logs.configure(settings.log.level, as_json=settings.log.as_json)
    try:
        fine = _run(check_all(settings, typer.echo))
    except CannotStart as error:
        _fail(str(error))
    if not fine:
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(hexgate.__version__)


def main() -> None:
    """The console script."""
    app()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, on uvloop where there is one."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop
    except ImportError:  # Windows has none
        return asyncio.new_event_loop
    return new_event_loop


def _print(report: Coroutine[Any, Any, str]) -> None:
    """Run what prints and returns a problem, or nothing. A closed pipe ends it in silence."""
    problem = _piped(report)
    if problem:
        _fail(problem)


def _judge(question: Coroutine[Any, Any, bool]) -> None:
    """Run what prints and returns whether all is well. A closed pipe ends it in silence."""
    from hexgate.entrypoints.recovery.opening import CannotTell

    try:
        fine = _piped(question)
    except CannotTell as error:
        _fail(str(error))
    if not fine:
        raise typer.Exit(1)


def _piped(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return _run(work)
    except BrokenPipeError:
        # Else the interpreter would complain when it flushes what nobody will read.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(CLOSED_PIPE) from None


def _settings(config: Path | None) -> Settings:
    from hexgate.entrypoints.config.errors import ConfigError
    from hexgate.entrypoints.config.load import load

    try:
        return load(config, os.environ, notice=_note)
    except ConfigError as error:
        _fail(str(error))


async def _until_signal() -> None:
    import signal

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _note(text: str) -> None:
    typer.echo(text, err=True)


def _fail(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(2)
