//! Right-hand sides of ordinary differential equations.

use jac_runtime::jacobian;

#[jacobian(value)]
pub fn ode_robertson(y: &[f64; 3]) -> [f64; 3] {
    let r1 = 0.04 * y[0];
    let r2 = 10000.0 * y[1] * y[2];
    let r3 = 30000000.0 * y[1] * y[1];
    [-r1 + r2, r1 - r2 - r3, r3]
}

#[jacobian(value)]
pub fn ode_vanderpol(mu: f64, y: &[f64; 2]) -> [f64; 2] {
    [y[1], mu * (1.0 - y[0] * y[0]) * y[1] - y[0]]
}

#[jacobian(value)]
pub fn ode_hires(y: &[f64; 8]) -> [f64; 8] {
    [-1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007, 1.71 * y[0] - 8.75 * y[1], -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4], 8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3], -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6], -280.0 * y[5] * y[7] + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6], 280.0 * y[5] * y[7] - 1.81 * y[6], -280.0 * y[5] * y[7] + 1.81 * y[6]]
}

#[jacobian(value)]
pub fn ode_orego(y: &[f64; 3]) -> [f64; 3] {
    [77.27 * (y[1] + y[0] * (1.0 - 8.375e-06 * y[0] - y[1])), (y[2] - (1.0 + y[0]) * y[1]) / 77.27, 0.161 * (y[0] - y[2])]
}

#[jacobian(value)]
pub fn ode_e5(y: &[f64; 4]) -> [f64; 4] {
    let a = 7.89e-10;
    let b = 11000000.0;
    let c = 1130.0;
    let m = 1000000.0;
    [-a * y[0] - b * y[0] * y[2], a * y[0] - m * c * y[1] * y[2], a * y[0] - b * y[0] * y[2] - m * c * y[1] * y[2] + c * y[3], b * y[0] * y[2] - c * y[3]]
}

#[jacobian(value)]
pub fn ode_brusselator1d(y: &[f64; 8]) -> [f64; 8] {
    let mut r = [0.0; 8];
    let alpha = 0.02 * 25.0;
    for i in 0..4 {
        let mut ul = 1.0;
        let mut vl = 3.0;
        let mut ur = 1.0;
        let mut vr = 3.0;
        if i > 0 {
            ul = y[2 * i - 2];
            vl = y[2 * i - 1];
        }
        if i < 3 {
            ur = y[2 * i + 2];
            vr = y[2 * i + 3];
        }
        let u = y[2 * i];
        let v = y[2 * i + 1];
        r[2 * i] = 1.0 + u * u * v - 4.0 * u + alpha * (ul - 2.0 * u + ur);
        r[2 * i + 1] = 3.0 * u - u * u * v + alpha * (vl - 2.0 * v + vr);
    }
    r
}

#[jacobian(value)]
pub fn ode_lorenz(s: &[f64; 3], p: &[f64; 3]) -> [f64; 3] {
    [p[0] * (s[1] - s[0]), s[0] * (p[1] - s[2]) - s[1], s[0] * s[1] - p[2] * s[2]]
}

#[jacobian(value)]
pub fn ode_rigid_body(y: &[f64; 3]) -> [f64; 3] {
    [y[1] * y[2], -y[0] * y[2], -0.51 * y[0] * y[1]]
}

#[jacobian(value)]
pub fn ode_arenstorf(y: &[f64; 4]) -> [f64; 4] {
    let mu = 0.012277471;
    let mp1 = 1.0 - mu;
    let a = y[0] + mu;
    let b = y[0] - mp1;
    let d1 = (a * a + y[1] * y[1]).sqrt().powi(3);
    let d2 = (b * b + y[1] * y[1]).sqrt().powi(3);
    [y[2], y[3], y[0] + 2.0 * y[3] - mp1 * a / d1 - mu * b / d2, y[1] - 2.0 * y[2] - mp1 * y[1] / d1 - mu * y[1] / d2]
}

#[jacobian(value)]
pub fn ode_pleiades(y: &[f64; 28]) -> [f64; 28] {
    let mut f = [0.0; 28];
    for i in 0..14 {
        f[i] = y[i + 14];
    }
    for i in 0..7 {
        let mut sx = 0.0;
        let mut sy = 0.0;
        for j in 0..7 {
            if i != j {
                let dx = y[j] - y[i];
                let dy = y[j + 7] - y[i + 7];
                let r = (dx * dx + dy * dy).powf(1.5);
                sx += ((j + 1) as f64) * dx / r;
                sy += ((j + 1) as f64) * dy / r;
            }
        }
        f[i + 14] = sx;
        f[i + 21] = sy;
    }
    f
}

#[jacobian(value)]
pub fn ode_chemakzo(y: &[f64; 6]) -> [f64; 6] {
    let r1 = 18.7 * y[0].powi(4) * y[1].sqrt();
    let r2 = 0.58 * y[2] * y[3];
    let r3 = 0.58 / 34.4 * y[0] * y[4];
    let r4 = 0.09 * y[0] * y[3] * y[3];
    let r5 = 0.42 * y[5] * y[5] * y[1].sqrt();
    let fin = 3.3 * (0.9 / 737.0 - y[1]);
    [-2.0 * r1 + r2 - r3 - r4, -0.5 * r1 - r4 - 0.5 * r5 + fin, r1 - r2 + r3, -r2 + r3 - 2.0 * r4, r2 - r3 + r5, 115.83 * y[0] * y[3] - y[5]]
}

#[jacobian(value)]
pub fn ode_pollution(y: &[f64; 20]) -> [f64; 20] {
    let r1 = 0.35 * y[0];
    let r2 = 26.6 * y[1] * y[3];
    let r3 = 12300.0 * y[4] * y[1];
    let r4 = 0.00086 * y[6];
    let r5 = 0.00082 * y[6];
    let r6 = 15000.0 * y[6] * y[5];
    let r7 = 0.00013 * y[8];
    let r8 = 24000.0 * y[8] * y[5];
    let r9 = 16500.0 * y[10] * y[1];
    let r10 = 9000.0 * y[10] * y[0];
    let r11 = 0.022 * y[12];
    let r12 = 12000.0 * y[9] * y[1];
    let r13 = 1.88 * y[13];
    let r14 = 16300.0 * y[0] * y[5];
    let r15 = 4800000.0 * y[2];
    let r16 = 0.00035 * y[3];
    let r17 = 0.0175 * y[3];
    let r18 = 100000000.0 * y[15];
    let r19 = 444000000000.0 * y[15];
    let r20 = 1240.0 * y[16] * y[5];
    let r21 = 2.1 * y[18];
    let r22 = 5.78 * y[18] * y[0];
    let r23 = 0.0474 * y[0] * y[3];
    let r24 = 1780.0 * y[18] * y[0];
    let r25 = 3.12 * y[19];
    let mut f = [0.0; 20];
    f[0] = -r1 - r10 - r14 - r23 - r24 + r2 + r3 + r9 + r11 + r12 + r22 + r25;
    f[1] = -r2 - r3 - r9 - r12 + r1 + r21;
    f[2] = -r15 + r1 + r17 + r19 + r22;
    f[3] = -r2 - r16 - r17 - r23 + r15;
    f[4] = -r3 + 2.0 * r4 + r6 + r7 + r13 + r20;
    f[5] = -r6 - r8 - r14 - r20 + r3 + 2.0 * r18;
    f[6] = -r4 - r5 - r6 + r13;
    f[7] = r4 + r5 + r6 + r7;
    f[8] = -r7 - r8;
    f[9] = -r12 + r7 + r9;
    f[10] = -r9 - r10 + r8 + r11;
    f[11] = r9;
    f[12] = -r11 + r10;
    f[13] = -r13 + r12;
    f[14] = r14;
    f[15] = -r18 - r19 + r16;
    f[16] = -r20;
    f[17] = r20;
    f[18] = -r21 - r22 - r24 + r23 + r25;
    f[19] = -r25 + r24;
    f
}

#[jacobian(value)]
pub fn ode_ring_modulator(y: &[f64; 15]) -> [f64; 15] {
    let t = 1e-05;
    let ui1 = 0.5 * (2000.0 * core::f64::consts::PI * t).sin();
    let ui2 = 2.0 * (20000.0 * core::f64::consts::PI * t).sin();
    let ud1 = y[2] - y[4] - y[6] - ui2;
    let ud2 = -y[3] + y[5] - y[6] - ui2;
    let ud3 = y[3] + y[4] + y[6] + ui2;
    let ud4 = -y[2] - y[5] + y[6] + ui2;
    let q1 = 4.067286402e-08 * ((17.7493332 * ud1).exp() - 1.0);
    let q2 = 4.067286402e-08 * ((17.7493332 * ud2).exp() - 1.0);
    let q3 = 4.067286402e-08 * ((17.7493332 * ud3).exp() - 1.0);
    let q4 = 4.067286402e-08 * ((17.7493332 * ud4).exp() - 1.0);
    let c = 1.6e-08;
    let cs = 2e-12;
    let cp = 1e-08;
    let lh = 4.45;
    let ls1 = 0.002;
    let ls2 = 0.0005;
    let ls3 = 0.0005;
    let rp = 50.0;
    [(y[7] - 0.5 * y[9] + 0.5 * y[10] + y[13] - y[0] / 25000.0) / c, (y[8] - 0.5 * y[11] + 0.5 * y[12] + y[14] - y[1] / 25000.0) / c, (y[9] - q1 + q4) / cs, (-y[10] + q2 - q3) / cs, (y[11] + q1 - q3) / cs, (-y[12] - q2 + q4) / cs, (-y[6] / rp + q1 + q2 - q3 - q4) / cp, -y[0] / lh, -y[1] / lh, (0.5 * y[0] - y[2] - 36.3 * y[9]) / ls2, (-0.5 * y[0] + y[3] - 17.3 * y[10]) / ls3, (0.5 * y[1] - y[4] - 36.3 * y[11]) / ls2, (-0.5 * y[1] + y[5] - 17.3 * y[12]) / ls3, (-y[0] + ui1 - 86.3 * y[13]) / ls1, (-y[1] - 636.3 * y[14]) / ls1]
}

#[jacobian(value)]
pub fn ode_detest_c1(y: &[f64; 10]) -> [f64; 10] {
    let mut f = [0.0; 10];
    f[0] = -y[0];
    for i in 1..9 {
        f[i] = y[i - 1] - y[i];
    }
    f[9] = y[8];
    f
}

#[jacobian(value)]
pub fn ode_twobody(y: &[f64; 4]) -> [f64; 4] {
    let r2 = y[0] * y[0] + y[1] * y[1];
    let r3 = r2.powf(1.5);
    [y[2], y[3], -y[0] / r3, -y[1] / r3]
}

#[jacobian(value)]
pub fn ode_grayscott_like(u: &[[f64; 4]; 4]) -> [[f64; 4]; 4] {
    let mut r = [[0.0; 4]; 4];
    for i in 0..4 {
        for j in 0..4 {
            let n = u[(i + 3) % 4][j];
            let s = u[(i + 1) % 4][j];
            let w = u[i][(j + 3) % 4];
            let e = u[i][(j + 1) % 4];
            r[i][j] = 0.2 * (n + s + w + e - 4.0 * u[i][j]) - u[i][j] * u[i][j] * (u[i][j] - 1.0);
        }
    }
    r
}
