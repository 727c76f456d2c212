"""What is shipped: the wheel's contents, its bytes, its names, and the offline half on its own."""

import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Build, run, without_network
from trustwright.cli.root import COMMANDS

pytestmark = pytest.mark.packaging

PACKAGES = {"trustwright", "tasks", "flows", "deployments"}


def contents(wheel: Path) -> set[str]:
    """Return the names of the wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_the_four_packages_and_nothing_beside_them(wheel: Path) -> None:
    """No test, bench or demo, and no second copy of anything, lands in site-packages."""
    top = {name.split("/")[0] for name in contents(wheel)}

    assert top == {*PACKAGES, "trustwright-0.1.0.dist-info"}


def test_wheel_holds_every_module_of_the_checkout(wheel: Path) -> None:
    """What a checkout can import, an installed wheel can import."""
    modules = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in ROOT.glob(f"{package}/**/*.py")
    }

    assert modules - contents(wheel) == set()


def test_wheel_carries_data_beside_the_code(wheel: Path) -> None:
    """Policies as code, the deployment file, the page, the typing marker, the licence travel."""
    policies = {
        f"trustwright/_infra/vault/{path.relative_to(ROOT / 'infra/vault')}"
        for path in (ROOT / "infra/vault").rglob("*")
        if path.is_file()
    }
    others = {
        "trustwright/py.typed",
        "trustwright/report/templates/page.css",
        "trustwright/report/templates/page.html",
        "deployments/prefect.yaml",
        "trustwright-0.1.0.dist-info/licenses/LICENSE",
    }

    assert policies
    assert (policies | others) - contents(wheel) == set()


def test_one_source_date_gives_one_wheel(wheel: Path, build: Build, tmp_path: Path) -> None:
    """A wheel built from the unpacked sdist, elsewhere and later, has the same bytes."""
    sdist = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()

    again = build(source, "wheel", tmp_path / "again")

    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_offline_contract_names_every_module_of_the_program() -> None:
    """`trustwright-root` imports its commands by name: the contract follows no such import."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = {each["id"]: each for each in project["tool"]["importlinter"]["contracts"]}
    modules = {f"trustwright.cli.{path.stem}" for path in ROOT.glob("trustwright/cli/root*.py")}
    commands = {module.partition(":")[0] for module, _ in COMMANDS.values()}

    assert len(modules) > len(COMMANDS)
    assert modules | commands <= set(contracts["offline-half"]["source_modules"])


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_literal_names_clash_with_nobody(name: str) -> None:
    """`tasks` and `flows` are plain words: no distribution of the whole closure may own them."""
    owners = set(packages_distributions().get(name, []))

    assert owners <= {"trustwright"}
    assert name not in sys.stdlib_module_names


@pytest.mark.registry
@pytest.mark.timeout(300)
class TestOfflineHalf:
    """The base install alone, from a wheelhouse, with hashes and without an index."""

    @pytest.mark.parametrize("program", ["trustwright-root", "trustwright"])
    def test_program_starts(self, offline_venv: Path, program: str) -> None:
        """Both programs can at least say what they are for."""
        said = run(offline_venv / "bin" / program, "--help", env=without_network())

        assert said.startswith("Usage: ")

    def test_policies_are_found_in_an_installed_wheel(self, offline_venv: Path) -> None:
        """The forced include lands where the package looks for it."""
        code = (
            "from importlib.resources import files;"
            "print(files('trustwright').joinpath('_infra/vault').is_dir())"
        )

        assert run(offline_venv / "bin/python", "-I", "-c", code, cwd=offline_venv) == "True\n"
