export const one = "ä\\";
