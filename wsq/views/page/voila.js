// Panel's way to the kernel in Voilà, as Jupyter's classic notebook had it: Panel's own extension does not load there.

const LOOK_EVERY = 50; // ms

/** Calls `act` with the connection to the kernel, once Voilà has it; that is after the cells have been drawn. */
export function withKernel(act) {
  const looking = setInterval(() => {
    const kernel = window.jupyterapp?.widgetManager?.kernel;
    if (!kernel) return;
    clearInterval(looking);
    act(kernel);
  }, LOOK_EVERY);
}

/** What Panel expects of `window.comm_manager`, over a kernel connection of JupyterLab. */
export function kernelComms(kernel) {
  const wrapped = (comm) => ({
    on_msg: (listener) => (comm.onMsg = listener),
    send: (...message) => comm.send(...message),
  });
  return {
    register_target: (name, opened) => kernel.registerCommTarget(name, (comm) => opened(wrapped(comm))),
    new_comm: (name, data, _callbacks, metadata, id) => {
      const comm = kernel.createComm(name, id);
      comm.open(data, metadata);
      return wrapped(comm);
    },
  };
}
