export {
  startContractServer,
  viewOf,
  type Answer,
  type ContractServer,
  type FollowSocket,
  type Request,
} from "./contract-server.ts";
