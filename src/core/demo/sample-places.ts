/** Cities the demo's customers and sellers live in: public geography, weighted roughly by population and buying power. */
export interface Place {
  readonly city: string;
  readonly state: string;
  /** First two digits of the postal codes there. */
  readonly zipStart: string;
  readonly lat: number;
  readonly lng: number;
  readonly weight: number;
  /** Typical days from the carrier's hands to the customer's, for goods sent from around São Paulo. */
  readonly transitDays: number;
}

const place = (
  city: string,
  state: string,
  zipStart: string,
  lat: number,
  lng: number,
  weight: number,
  transitDays: number,
): Place => ({
  city,
  state,
  zipStart,
  lat,
  lng,
  weight,
  transitDays,
});

export const PLACES: readonly [Place, ...Place[]] = [
  place('são paulo', 'SP', '04', -23.55, -46.63, 160, 5),
  place('campinas', 'SP', '13', -22.91, -47.06, 28, 6),
  place('guarulhos', 'SP', '07', -23.45, -46.53, 22, 6),
  place('são bernardo do campo', 'SP', '09', -23.69, -46.56, 20, 6),
  place('ribeirão preto', 'SP', '14', -21.18, -47.81, 16, 7),
  place("santa bárbara d'oeste", 'SP', '13', -22.75, -47.41, 8, 7),
  place('rio de janeiro', 'RJ', '22', -22.91, -43.17, 90, 11),
  place('niterói', 'RJ', '24', -22.88, -43.1, 18, 11),
  place('belo horizonte', 'MG', '30', -19.92, -43.94, 55, 8),
  place('uberlândia', 'MG', '38', -18.91, -48.27, 16, 8),
  place('porto alegre', 'RS', '90', -30.03, -51.23, 34, 11),
  place('caxias do sul', 'RS', '95', -29.17, -51.18, 12, 12),
  place('curitiba', 'PR', '80', -25.43, -49.27, 34, 8),
  place('londrina', 'PR', '86', -23.31, -51.16, 12, 8),
  place('florianópolis', 'SC', '88', -27.6, -48.55, 18, 11),
  place('salvador', 'BA', '40', -12.97, -38.5, 26, 16),
  place('brasília', 'DF', '70', -15.79, -47.88, 32, 9),
  place('vitória', 'ES', '29', -20.32, -40.34, 14, 12),
  place('goiânia', 'GO', '74', -16.69, -49.26, 16, 12),
  place('recife', 'PE', '50', -8.05, -34.88, 14, 15),
  place('fortaleza', 'CE', '60', -3.73, -38.52, 13, 18),
  place('belém', 'PA', '66', -1.46, -48.5, 9, 21),
  place('manaus', 'AM', '69', -3.12, -60.02, 4, 24),
  place('cuiabá', 'MT', '78', -15.6, -56.1, 7, 15),
  place('são luís', 'MA', '65', -2.53, -44.3, 5, 19),
];
