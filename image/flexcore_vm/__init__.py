"""The box in an emulator: boots the built image in QEMU, with credentials, ports and a console.

Used by ``./build.sh run``, the tests and the bench; stands on the standard library alone and knows nothing
of what runs inside the image.
"""

from flexcore_vm.emulator import Emulator, MachineError, find_emulator
from flexcore_vm.machine import Machine, Ports
from flexcore_vm.shell import RootShell

__all__ = ["Emulator", "Machine", "MachineError", "Ports", "RootShell", "find_emulator"]
