export const JobTypeId = "~effect-tasks/Job"
export const TaskTypeId = "~effect-tasks/Task"
export const TaskPoolTypeId = "~effect-tasks/TaskPool"
