/** The inner part of the agent that runs as a program of its own: the simulation starts it without a process. */
export { Supervisor, type SupervisorOptions } from "../supervisor/supervisor.ts";
