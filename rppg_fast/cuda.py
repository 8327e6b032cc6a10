"""Compute the network's input on a CUDA device, and report about CUDA.

``rppg_fast.Student.load(backend="cuda")`` gives a student that runs on the device. A frame that is
on the device is not copied to the processor::

    student = rf.Student.load(backend="cuda")
    frame_motion = rf.cuda.FrameMotion()
    motion = torch.empty(1, 3, 36, 36, device="cuda")
    change = torch.empty(1, device="cuda")
    stream = torch.cuda.current_stream().cuda_stream
    for frame in frames:  # uint8 (height, width, 3), on the device
        frame_motion.push(frame, box, out=motion, stream=stream)
        student(motion, out=change, stream=stream)

An array on the device is any object with ``__dlpack__`` or ``__cuda_array_interface__``, such as an
array of PyTorch or CuPy; nothing is copied. ``stream`` is the handle of the CUDA stream that does
the work: give the stream on which the arrays are used. Without it, the default stream is used. Keep
the arrays until the stream has finished. Do not run a CUDA graph of the student at the same time as
other graphs captured on the same stream, or as calls on that stream: they share memory.
"""

from rppg_fast._core import FrameMotion
from rppg_fast._core import cuda_build as build
from rppg_fast._core import cuda_devices as devices

__all__ = ["FrameMotion", "build", "devices"]
